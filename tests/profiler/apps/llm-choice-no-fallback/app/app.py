import streamlit as st
from openai import OpenAI

MODELS = ["gpt-4o", "gpt-4o-mini"]
model = st.selectbox("Model", MODELS)
for name in MODELS:
    st.write(name)
client = OpenAI(timeout=30)
if text := st.chat_input():
    st.write(client.responses.create(model=model, input=text).output_text)
