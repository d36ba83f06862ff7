import contextlib
import datetime
import decimal
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial_runtime.resilience.encoding import NotStorable, decode, encode

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(datetime.timezone.utc)),
)
KEYS = st.one_of(st.text(), st.integers(), st.booleans(), st.tuples(st.integers(), st.text()))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(KEYS, inner),
        st.sets(st.integers()),
        st.frozensets(st.text()),
    ),
    max_leaves=15,
)


def same(a: object, b: object) -> bool:
    """Equal in type too, at every depth and in every order."""
    if type(a) is not type(b) or a != b:
        return False
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return all(
            same(k, j) and same(v, w) for (k, v), (j, w) in zip(a.items(), b.items(), strict=True)
        )
    return True


@given(VALUES)
def test_a_value_comes_back_as_it_went_in(value: object) -> None:
    assert same(decode(encode(value)), value)


@given(st.dictionaries(KEYS, st.integers(), min_size=2))
def test_ordered_bytes_do_not_depend_on_the_order(value: dict[object, int]) -> None:
    turned = dict(reversed(list(value.items())))
    assert encode(value, ordered=True) == encode(turned, ordered=True)


@given(st.binary())
def test_foreign_bytes_are_a_value_error_or_plain_data(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode(data)


@given(VALUES)
def test_damaged_bytes_never_raise_anything_else(value: object) -> None:
    data = encode(value)
    for end in range(0, len(data), max(1, len(data) // 10)):
        with contextlib.suppress(ValueError):
            decode(data[:end])


def test_the_marker_itself_is_a_key_like_others() -> None:
    for value in ({"$": "tuple", "v": [1]}, {"$": 1}, [{"$": {"$": 2}}]):
        assert decode(encode(value)) == value
    assert math.isnan(decode(encode(math.nan)))
    assert decode(encode(decimal.Decimal("1.10"))).as_tuple() == decimal.Decimal("1.10").as_tuple()


def test_other_types_are_refused() -> None:
    class Text(str):
        pass

    knot: list[object] = []
    knot.append(knot)
    for value in (object(), Text("x"), {1: object()}, knot, 1j, lambda: 1):
        with pytest.raises(NotStorable):
            encode(value)
