"""API keys: from the environment or an argument, into one header, and nowhere else."""

import os


class Key:
    """Holds a key. Neither repr, str nor pickle give it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself: for the request's header only."""
        return self._value

    def removed_from(self, text: str) -> str:
        """`text` without the key: providers quote it in their complaints."""
        return text.replace(self._value, "[redacted]") if self._value else text

    def __repr__(self) -> str:
        return "Key([redacted])"

    def __reduce__(self) -> str:
        raise TypeError("a key is not to be written down")


def key_of(given: str | None, variables: tuple[str, ...], *, needed: bool = True) -> Key:
    """The key as given, else from the first of the environment `variables` that is set.

    Raises ValueError when there is none but it is needed, or when it cannot stand in a header.
    """
    value = given or next((os.environ[name] for name in variables if os.environ.get(name)), "")
    value = value.strip()
    if not value and needed:
        raise ValueError(f"no key: set {variables[0]}, or give key=")
    if not value.isascii() or not value.isprintable() or " " in value:
        # A line break from a file would let the HTTP client quote the key in its complaint.
        raise ValueError("the key holds characters that no key has")
    return Key(value)
