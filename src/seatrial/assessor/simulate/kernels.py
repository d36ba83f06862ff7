"""Kernels: hot loops in the part of Python that numba compiles, and how they are called.

`lowering` has numba make one LLVM module of all kernels, which is the same on every machine and
comes with the wheel; `machine` makes machine code of it for this processor, once. So whoever
simulates loads neither numba nor what it compiles with.

A kernel allocates nothing, raises nothing and touches no Python object: several run at once. What
it takes is said in its decorator: `f8`, `i8` and `u8` are a float, an int and an unsigned int of 8
bytes, `f8[:]` is an array of them with its length, `f8*` one without, which is quicker to compile
and to pass; no index of such a one is negative.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np

from seatrial.assessor.simulate import machine

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])

C_TYPES: dict[str, Any] = {
    "f8": ctypes.c_double, "i8": ctypes.c_int64, "u8": ctypes.c_uint64, "": None,
}  # fmt: skip

PARTS: dict[Callable[..., Any], bool] = {}
"""Functions that kernels call, and whether each call becomes a copy of them."""
KERNELS: list[Kernel[..., Any]] = []

_kept = threading.local()


class Rows(NamedTuple):
    """An argument that is an array in C order; `sized` when its shape goes with it."""

    dtype: np.dtype[Any]
    axes: int = 1
    sized: bool = True

    @property
    def c_types(self) -> list[Any]:
        return [ctypes.c_void_p, *[ctypes.c_int64] * (self.axes if self.sized else 0)]

    def words(self, value: Any) -> Iterator[int]:
        """The array as its address and its shape."""
        # Numpy compares records field by field, so first by identity.
        assert value.dtype is self.dtype or value.dtype == self.dtype, value.dtype
        assert value.ndim == self.axes and value.flags.c_contiguous, (value.shape, value.strides)
        yield value.ctypes.data
        if self.sized:
            yield from value.shape


class Group(NamedTuple):
    """An argument that is a named tuple of arrays, each as `rows` says."""

    kind: type[Any]
    rows: tuple[Rows, ...]

    @property
    def c_types(self) -> list[Any]:
        return [each for rows in self.rows for each in rows.c_types]

    def words(self, value: Any) -> Iterable[int]:
        """All arrays, one after the other; kept, as the same group is passed again and again."""
        kept = _kept.__dict__.get(self.kind.__name__)
        if kept is None or kept[0] is not value:
            each = zip(self.rows, value, strict=True)
            kept = (value, [word for rows, array in each for word in rows.words(array)])
            _kept.__dict__[self.kind.__name__] = kept
        return cast("list[int]", kept[1])


class Scalar(NamedTuple):
    """An argument that is one number."""

    name: str

    @property
    def c_types(self) -> list[Any]:
        return [C_TYPES[self.name]]

    def words(self, value: Any) -> Iterator[float]:
        """The number as Python has it: ctypes does not know numpy's."""
        yield float(value) if self.name == "f8" else int(value)


Taken = Rows | Group | Scalar


def rows(text: str) -> Rows:
    """`f8[:,:]` as a value."""
    if text.endswith("*"):
        return Rows(np.dtype(text[:-1]), sized=False)
    name, _, axes = text.partition("[")
    return Rows(np.dtype(name), axes.count(":"))


class Kernel(Generic[P, R]):
    """A function that is called as machine code."""

    def __init__(self, function: Callable[P, R], takes: tuple[Taken, ...], gives: str) -> None:
        self.function, self.takes, self.gives = function, takes, gives
        self.symbol = f"{function.__module__}.{function.__name__}".replace(".", "_")
        self.called: Callable[..., R] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self.called is None:
            kind = ctypes.CFUNCTYPE(
                C_TYPES[self.gives], *[each for one in self.takes for each in one.c_types]
            )
            self.called = cast("Callable[..., R]", kind(machine.address(self.symbol)))
        assert not kwargs, "kernels take their arguments by place"
        words = [
            word for one, value in zip(self.takes, args, strict=True) for word in one.words(value)
        ]
        return self.called(*words)


def kernel(*takes: str | Rows | Group, gives: str = "") -> Callable[[Callable[P, R]], Kernel[P, R]]:
    """Make a kernel of a function; what it takes and gives is all that it is compiled for."""

    def made(function: Callable[P, R]) -> Kernel[P, R]:
        given = tuple(
            each if not isinstance(each, str) else Scalar(each) if each in C_TYPES else rows(each)
            for each in takes
        )
        one = Kernel(function, given, gives)
        KERNELS.append(one)
        return one

    return made


def part(function: F) -> F:
    """Have a function compiled with the kernels that call it; Python sees the function itself."""
    PARTS.setdefault(function, False)
    return function


def inlined(function: F) -> F:
    """As `part`, for what every event passes through: each call becomes a copy."""
    PARTS[function] = True
    return function
