from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

if TYPE_CHECKING:
    from redis import Redis

app = Flask(__name__)


def keep(store: Redis) -> None:
    store.set("x", 1)
