import joblib
import streamlit as st


@st.cache_resource
def kept():
    return joblib.load("kept.joblib")


model = joblib.load("again.joblib")
st.write(model.predict([[1]]), kept().predict([[1]]))
