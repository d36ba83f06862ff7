"""Finding the app object that a target names."""

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seatrial_runtime.servers.interface import interface_of
from seatrial_runtime.servers.spec import AttributeNameError, InterfaceError, ServerSpec


def load(spec: ServerSpec) -> tuple[Any, str]:
    """Import the app; returns it and its interface, `wsgi` or `asgi`."""
    command = spec.settings.command
    if command == "streamlit":
        # Here, so that other apps do without: both import their framework.
        from seatrial_runtime.servers.streamlit import streamlit_app

        return streamlit_app(spec.settings), "asgi"
    if command == "gradio":
        from seatrial_runtime.servers.gradio import gradio_app  # Likewise.

        return gradio_app(spec.settings), "asgi"
    sys.path.insert(0, spec.settings.app_dir)
    app, wanted = _import(spec.target), spec.settings.interface
    found = interface_of(app)
    if wanted not in ("auto", found):
        kind = "a WSGI" if found == "wsgi" else "an ASGI"
        raise InterfaceError(f"{spec.target} is {kind} app, and --interface says {wanted}")
    return app, found


def _import(target: str) -> Any:
    """MODULE:NAME, or MODULE:NAME(LITERAL, ..) for what a factory returns."""
    module, _, text = target.partition(":")
    found = importlib.import_module(module)
    try:
        expression = ast.parse(text, mode="eval").body
        call = expression if isinstance(expression, ast.Call) else None
        name = call.func if call is not None else expression
        if not isinstance(name, ast.Name):
            raise ValueError("the name has to be a simple one")
        arguments = [ast.literal_eval(one) for one in call.args] if call else []
        named = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords} if call else {}
    except (SyntaxError, ValueError) as error:
        raise AttributeNameError(f"{text!r} is neither a name nor a call: {error}") from None
    app = getattr(found, name.id, None)
    if app is None:
        raise AttributeNameError(f"module {module!r} has no {name.id!r}")
    if call is not None:
        app = app(*arguments, **named)
    if not callable(app):
        raise AttributeNameError(f"{target!r} is not callable")
    return app


@contextlib.contextmanager
def own_modules_hidden(app_dir: str) -> Iterator[None]:
    """While a server is imported: the app's `secrets.py` must not stand for the library's."""
    path, folder = sys.path[:], Path(app_dir)
    sys.path[:] = [entry for entry in path if entry and Path(entry) != folder]
    hidden = {
        name: module
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in sys.stdlib_module_names
        and folder in Path(getattr(module, "__file__", None) or "/").parents
    }
    for name in hidden:
        del sys.modules[name]
    try:
        yield
    finally:
        sys.modules.update(hidden)
        sys.path[:] = path
