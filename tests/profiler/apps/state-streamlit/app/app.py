import streamlit as st

import board

if "count" not in st.session_state:
    st.session_state.count = 0
seen = []
seen.append(1)
picture = st.file_uploader("Picture")


def main():
    st.title("Board")
    if st.button("Post"):
        board.post("hello")


main()
