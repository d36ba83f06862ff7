"""The frameworks whose apps are found: data/frameworks.toml as values."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from msgspec.structs import replace

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Interface

PORT = 8000
_SERVERS: dict[Interface, tuple[str, ...]] = {
    "wsgi": ("gunicorn", "--bind", "0.0.0.0:{port}", "{entry}"),
    "asgi": ("uvicorn", "{entry}", "--host", "0.0.0.0", "--port", "{port}"),
    "command": ("python", "{file}"),
}


class Framework(Value):
    """One framework; see data/frameworks.toml for what the fields mean."""

    id: str
    title: str
    interface: Interface
    imports: tuple[str, ...] = ()
    makers: frozenset[str] = frozenset()
    uses: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    port: int = PORT

    @property
    def name(self) -> str:
        """The name that a component bears: variants of one framework share it."""
        return self.id.removesuffix("-asgi").removesuffix("-wsgi").removesuffix("-script")

    def as_command(self) -> Framework:
        """The framework as served by a file that starts a server of its own."""
        return replace(self, interface="command", command=("python", "{file}"))

    @property
    def names_object(self) -> bool:
        """Whether its apps are started by `module:attr`; else by the file that holds them."""
        return any("{entry}" in word for word in self.start)

    @property
    def start(self) -> tuple[str, ...]:
        """The start command with its placeholders."""
        return self.command or _SERVERS[self.interface]


@cache
def frameworks() -> dict[str, Framework]:
    """All frameworks by their id, the preferred first."""
    data = (files("seatrial.profiler") / "data" / "frameworks.toml").read_text(encoding="utf-8")
    found: dict[str, Framework] = {}
    for name, table in tomllib.loads(data).items():
        found[name] = Framework(
            id=name, title=table["title"], interface=table["interface"],
            imports=tuple(table["imports"]), makers=frozenset(table.get("makers", ())),
            uses=tuple(table.get("uses", ())), command=tuple(table.get("command", ())),
            port=table.get("port", PORT),
        )  # fmt: skip
    return found


@cache
def makers() -> dict[str, Framework]:
    """The framework that each maker of an app object belongs to."""
    return {maker: one for one in frameworks().values() for maker in one.makers}
