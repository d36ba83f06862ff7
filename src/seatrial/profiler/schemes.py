"""The scheme that an app wants in the address of its PostgreSQL."""

from __future__ import annotations

import re

from seatrial.kernel.workload import Workload
from seatrial.profiler.source import Source

# An address, and not only a scheme that is put in place of another.
_ADDRESS = re.compile(r"[\"'](postgres(?:ql)?\+[a-z0-9_]{1,20})://[^\"'\s]")
_SCHEME = re.compile(r"[\"']postgres(?:ql)?\+[a-z0-9_]{1,20}://[\"']")
_DRIVERS = (
    ("psycopg2", ""), ("psycopg2-binary", ""), ("psycopg", "+psycopg"),
    ("psycopg-binary", "+psycopg"), ("asyncpg", "+asyncpg"), ("pg8000", "+pg8000"),
)  # fmt: skip
_THROUGH_SQLALCHEMY = frozenset(
    {"sqlalchemy", "sqlmodel", "flask-sqlalchemy", "databases", "alembic", "advanced-alchemy"}
)
_TEXT_BYTES_MAX = 20 * 1024**2


def postgresql_scheme(source: Source, workload: Workload) -> str:
    """`postgresql`, with the driver SQLAlchemy is to use where the app leaves that to the address.

    An address in the source shows it; where the source itself puts one scheme in place of
    another, the plain one is what it starts from; else the installed driver decides.
    """
    read, plain = 0, False
    for path in (file.path for file in source.files):
        if not path.endswith((".py", ".env.example", ".toml", ".ini", ".cfg", ".yml", ".yaml")):
            continue
        text = source.read_text(path) or ""
        read += len(text)
        found = _ADDRESS.search(text)
        if found:
            return found[1]
        plain = plain or _SCHEME.search(text) is not None
        if read > _TEXT_BYTES_MAX:
            break
    installed = {dependency.name for dependency in workload.dependencies}
    if plain or not installed & _THROUGH_SQLALCHEMY:
        return "postgresql"
    for name, suffix in _DRIVERS:
        if name in installed:
            return "postgresql" + suffix
    return "postgresql"
