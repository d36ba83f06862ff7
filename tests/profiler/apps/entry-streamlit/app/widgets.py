import streamlit as st


def card(text):
    st.write(text)
