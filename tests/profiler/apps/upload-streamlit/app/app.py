import streamlit as st

file = st.file_uploader("A document", type=["pdf"])
if file:
    st.write(file.name, len(file.getvalue()))
