"""A Gradio script as an ASGI app, without a change to it: its `launch()` is taken over."""

import inspect
import os
import runpy
import sys
from pathlib import Path
from typing import Any

from seatrial_runtime.servers.spec import AttributeNameError
from seatrial_runtime.settings.settings import Settings


def gradio_app(settings: Settings) -> Any:
    """The app of the Blocks that the script launches, or that `:NAME` names."""
    script, _, name = settings.target.rpartition(":") if ":" in settings.target else (
        settings.target, "", ""
    )  # fmt: skip
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio  # Seconds of imports, for this command only.
    from fastapi import FastAPI

    launched: list[tuple[Any, dict[str, Any]]] = []

    def launch(self: Any, *args: Any, **kwargs: Any) -> tuple[Any, str, str]:
        """Remember what was to be launched, and how; the script goes on."""
        names = list(inspect.signature(real).parameters)[1:]
        launched.append((self, {**dict(zip(names, args, strict=False)), **kwargs}))
        return getattr(self, "app", None), "", ""

    real = gradio.Blocks.launch
    gradio.Blocks.launch = launch
    gradio.Blocks.block_thread = lambda self: None
    sys.path.insert(0, str(Path(script).parent))
    sys.argv = [script]
    try:
        found = runpy.run_path(script, run_name="__main__")
    finally:
        gradio.Blocks.launch = real
    blocks, options = _chosen(found, name, launched, gradio.Blocks)
    known = inspect.signature(gradio.mount_gradio_app).parameters
    given = {key: value for key, value in options.items() if key in known and value is not None}
    given.pop("path", None)
    return gradio.mount_gradio_app(FastAPI(), blocks, path="/", **given)


def _chosen(
    found: dict[str, Any], name: str, launched: list[tuple[Any, dict[str, Any]]], kind: type
) -> tuple[Any, dict[str, Any]]:
    if name:
        blocks = found.get(name)
        if not isinstance(blocks, kind):
            raise AttributeNameError(f"the script has no Gradio app of the name {name!r}")
        return blocks, next((how for one, how in launched if one is blocks), {})
    if launched:
        return launched[-1]
    made = {id(value): value for value in found.values() if isinstance(value, kind)}
    if len(made) != 1:
        raise AttributeNameError(
            f"the script launches nothing and has {len(made)} Gradio apps: write SCRIPT:NAME"
        )
    return next(iter(made.values())), {}
