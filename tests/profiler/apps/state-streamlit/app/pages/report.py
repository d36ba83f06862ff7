import streamlit as st

rows = []
rows.append(1)
st.write(rows)
