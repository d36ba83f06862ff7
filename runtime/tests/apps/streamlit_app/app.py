"""A Streamlit script as its author would write it."""

import sys

import streamlit as st
from helper import words

print("the script runs", len(sys.argv))
st.title(words())
name = st.text_input("Name")
file = st.file_uploader("A file")
if file is not None:
    st.write(f"{len(file.getvalue())} bytes")
st.write(f"Hello {name}")
