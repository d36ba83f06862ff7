def show(text):
    import streamlit as st

    st.write(text)
