import streamlit as st


def main():
    st.write("hello")


if __name__ == "__main__":
    main()
