"""Groups of fields."""
from typing import Protocol


class Store(Protocol):
    def save(self, key: str, value: str) -> None: ...


class SessionStore:
    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def save(self, key: str, value: str) -> None:
        self._kept[key] = value


class OrderStore:
    def __init__(self) -> None:
        self._orders: dict[str, str] = {}

    def save(self, key: str, value: str) -> None:
        self._orders[key] = value


def brief() -> Store:
    return SessionStore()


def lasting() -> Store:
    return OrderStore()
