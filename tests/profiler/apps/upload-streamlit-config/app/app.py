import os

import streamlit as st

file = st.file_uploader("A document")
if file is not None:
    with open(os.path.join("data", file.name), "wb") as out:
        out.write(file.getbuffer())
