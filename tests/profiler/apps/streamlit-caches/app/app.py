import functools

import streamlit as st

from work import cached, other


@st.cache_data(ttl=3600)
def load(name):
    return [{"name": name}]


@st.cache_resource
def model():
    return object()


def squares(most):
    return [n * n for n in range(most)]


remembered = functools.cache(other)
kept = st.cache_data(max_entries=10)(squares)
left, right = st.columns(2)
left.dataframe(load(st.text_input("name")))
right.write(kept(10), cached(1), remembered(2), model())
