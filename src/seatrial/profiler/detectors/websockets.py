"""What ties a visitor to one replica: sessions in the process, broadcasts within one process."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.page_caches import page_caches
from seatrial.profiler.detectors.running import argument, settings
from seatrial.profiler.part import Part
from seatrial.profiler.reach import literal
from seatrial.profiler.rules import fact

# Frameworks that keep each visitor's session in the process: package -> what shows its use.
_STICKY = {
    "streamlit": "its session lives in the process that holds the websocket",
    "chainlit": "its session lives in the process that holds the websocket",
    "nicegui": "its pages live in the process that holds the websocket",
    "panel": "its documents live in the process that holds the websocket",
    "solara": "its state lives in the process that holds the websocket",
    "gradio": "its queue and sessions live in the process that took the request",
    "flet": "its pages live in the process that holds the websocket",
    "shiny": "its session lives in the process that holds the websocket",
    "reflex": "its state lives in the process unless Redis is set",
}  # fmt: skip
_SESSION = {
    "streamlit.session_state": "st.session_state", "streamlit.file_uploader": "st.file_uploader",
    "chainlit.user_session": "cl.user_session", "gradio.State": "gr.State",
    "nicegui.app.storage.client": "app.storage.client", "gradio.BrowserState": "",
}  # fmt: skip
_SERVERS = {
    "flask_socketio.SocketIO": "message_queue", "socketio.AsyncServer": "client_manager",
    "socketio.Server": "client_manager",
}  # fmt: skip
_MEMORY_LAYER = "channels.layers.InMemoryChannelLayer"


def detect(part: Part) -> Iterator[Fact]:
    """Sticky sessions and broadcasts; registries of connections are told with what is in
    memory."""
    yield from _sticky(part)
    yield from _session_state(part)
    yield from page_caches(part)
    yield from _socketio(part)
    yield from _channels(part)


def _sticky(part: Part) -> Iterator[Fact]:
    if part.kind != "web":
        return
    package = part.framework if part.framework in _STICKY else ""
    if not package:
        # Mounted into another framework's app: gradio.mount_gradio_app(app, demo, path="/ui").
        mounts = ("mount_gradio_app", "mount_chainlit", "run_with", "mount_shiny")
        package = next(
            (part.code.meaning(path, call.func).split(".")[0]
             for path in part.paths for call in part.code.file(path).calls(mounts)), "",
        )  # fmt: skip
    if package not in _STICKY:
        return
    for path in sorted(part.paths, key=lambda path: (path != part.entry, path)):
        for node in part.code.file(path).of(ast.Import, ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [
                node.module or ""
            ]  # fmt: skip
            if any(name.split(".")[0] == package for name in names):
                yield fact("state.sticky-sessions", package, _STICKY[package],
                           file=path, line=node.lineno)  # fmt: skip
                return


def _session_state(part: Part) -> Iterator[Fact]:
    """What is kept for each visitor in the process; the first use of each."""
    seen: set[str] = set()
    if not part.imports("streamlit", "chainlit", "gradio", "nicegui"):
        return
    for path in part.paths:
        file = part.code.file(path)
        uses: list[tuple[int, str]] = [
            (call.lineno, part.code.meaning(path, call.func)) for call in file.calls(
                ("file_uploader", "State", "setdefault", "get", "set")
            )
        ]  # fmt: skip
        uses += [(node.lineno, part.code.meaning(path, node.value)) for node in file.of(
            ast.Subscript)]  # fmt: skip
        for node in file.of(ast.Assign, ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute):
                    uses.append((node.lineno, part.code.meaning(path, target.value)))
        for line, meaning in sorted(uses):
            for start, name in _SESSION.items():
                if name and name not in seen and (
                    meaning == start or meaning.startswith((f"{start}.", f"{start}["))
                ):  # fmt: skip
                    seen.add(name)
                    yield fact("state.session-state", name, "kept in the process",
                               file=path, line=line)  # fmt: skip


def _socketio(part: Part) -> Iterator[Fact]:
    names = {name.rpartition(".")[2] for name in _SERVERS}
    for path in part.paths:
        for call in part.code.file(path).calls(names):
            called = part.code.meaning(path, call.func)
            keyword = _SERVERS.get(called)
            if keyword is None or any(k.arg in (keyword, None) for k in call.keywords):
                continue
            if keyword == "message_queue" and _given_later(part):
                continue
            library = called.split(".")[0].replace("_", "-")
            yield fact("state.websocket", library, f"no {keyword}: events stay in this process",
                       file=path, line=call.lineno, confidence=0.9)  # fmt: skip


def _given_later(part: Part) -> bool:
    """`socketio.init_app(app, message_queue=...)`."""
    return any(
        argument(call, "message_queue") is not None
        for path in part.paths
        for call in part.code.file(path).calls(("init_app",))
    )


def _channels(part: Part) -> Iterator[Fact]:
    found = settings(part, "CHANNEL_LAYERS")
    backends = [
        (one, literal(value))
        for one in found if isinstance(one.value, ast.Dict)
        for table in one.value.values if isinstance(table, ast.Dict)
        for key, value in zip(table.keys, table.values, strict=True)
        if literal(key) == "BACKEND"
    ]  # fmt: skip
    if backends and all(text == _MEMORY_LAYER for _, text in backends):
        one = backends[0][0]
        yield fact("state.websocket", "channels", "InMemoryChannelLayer: groups stay in this "
                   "process", file=one.path, line=one.line)  # fmt: skip
