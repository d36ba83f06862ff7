import streamlit as st

st.title("Hello")
st.write(st.slider("n", 1, 10))
