import streamlit as st

st.title("Chat")
st.chat_input("Ask")
