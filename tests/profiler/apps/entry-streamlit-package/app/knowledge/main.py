import streamlit as st

from knowledge.ui import box

st.title("Ask")
box()
