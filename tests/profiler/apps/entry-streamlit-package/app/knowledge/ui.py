import streamlit as st


def box():
    st.text_area("question")
