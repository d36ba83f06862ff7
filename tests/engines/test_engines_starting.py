"""Which words start a component."""

from __future__ import annotations

import pytest

from seatrial.engines.engine import Release
from seatrial.kernel.starting import Started, started, streamlit_page
from seatrial.kernel.workload import Component


def part(words: str) -> Component:
    command = tuple(words.split())
    return Component(name="web", kind="web", framework="x", entry="", command=command, port=8000)


def test_an_app_object_is_named() -> None:
    release = Release(app="shop", entry="shop:make", factory=True, python="", source_dir="")
    assert started(release) == Started("web", ("shop:make", "--interface", "wsgi", "--factory"))


@pytest.mark.parametrize(
    ("words", "env"),
    [
        ("streamlit run app.py", {}),
        ("python -m streamlit run app.py --server.headless true", {}),
        (
            "streamlit run app.py --server.port {port} --server.maxUploadSize 50",
            {"STREAMLIT_SERVER_MAX_UPLOAD_SIZE": "50"},
        ),
        ("streamlit run app.py --theme.base=dark", {"STREAMLIT_THEME_BASE": "dark"}),
    ],
)
def test_a_page_is_served_by_the_runtime(words: str, env: dict[str, str]) -> None:
    assert started(part(words)) == Started("streamlit", ("app.py",), tuple(env.items()))


@pytest.mark.parametrize(
    "words",
    [
        "streamlit hello",
        "streamlit run",
        "streamlit run app.py -- --its-own",
        "streamlit run app.py --server.port",
        "streamlit run app.py --browser.serverAddress a$(b)",
        "python app.py streamlit run",
        "gradio app.py",
    ],
)
def test_everything_else_is_a_program(words: str) -> None:
    assert streamlit_page(tuple(words.split())) is None
    assert started(part(words)).subcommand == "command"
