import streamlit as st
from openai import OpenAI

client = OpenAI(api_key=st.secrets["OPENAI_API_KEY"])
if prompt := st.chat_input("Say something"):
    stream = client.chat.completions.create(model="gpt-4o-mini", messages=[], stream=True)
    st.write_stream(stream)
