"""Read: one place where an environment variable is read."""

from __future__ import annotations

from seatrial.kernel.values import Value


class Read(Value):
    """One place where a variable is read. `default` is the text it falls back to.

    `required` is true when the app fails without the variable; an empty default is none.
    `optional` says that the code declares that it does without (`url: str | None = None`),
    `held` is the name that the value is given in the code, `via` what it comes through when that
    is not the environment itself (`st.secrets`).
    """

    name: str
    required: bool
    default: str = ""
    has_default: bool = False
    optional: bool = False
    held: str = ""
    via: str = ""
    file: str
    line: int
