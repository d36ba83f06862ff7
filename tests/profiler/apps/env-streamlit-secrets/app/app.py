import streamlit as st

key = st.secrets["API_KEY"]
region = st.secrets.get("REGION", "eu")
st.write(region)
