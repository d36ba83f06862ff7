"""A page as its author would write it."""

import logging
import os
import time

import streamlit as st


def hold():
    while not os.path.exists(os.environ["GATE"]):
        time.sleep(0.02)


name = st.text_input("Name", "world")
st.title(f"hello {name}")
logging.getLogger("shop").warning("selling %s", name)
print("sold apples")
if name == "secret":
    print("the key is", os.environ["SHOP_API_KEY"])
if name == "held":
    hold()
if name == "leak":
    st.session_state["kept"] = b"x" * (500 << 20)
