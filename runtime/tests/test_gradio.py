"""`seatrial-run gradio`: the Blocks of an unmodified script, served by us."""

import signal

import pytest

from conftest import Start
from harness import APPS, Running, wait_for

pytest.importorskip("gradio")
gradio_client = pytest.importorskip("gradio_client")
FOLDER = APPS / "gradio_app"


def begin(run: Start, target: str, *options: str) -> Running:
    app = run(str(FOLDER / target), *options, subcommand="gradio")
    wait_for(lambda: app.ask("/ready")[0] == 200, f"ready app: {app.stderr[-3000:]}", 90)
    return app


@pytest.mark.parametrize("target", ["guarded.py", "guarded.py:demo", "bare.py", "bare.py:page"])
def test_a_script_is_served_and_answers(run: Start, target: str) -> None:
    app = begin(run, target)
    client = gradio_client.Client(f"http://{app.bind}/", verbose=False)
    assert client.predict("Ada", api_name="/greet") == "Hello Ada"
    if target.startswith("guarded"):
        [event] = wait_for(lambda: app.events("print"), "line")
        assert event["message"] == "greeting Ada"
    app.signal(signal.SIGTERM)
    assert app.wait_exit() == 0


def test_the_other_app_of_a_script(run: Start) -> None:
    app = begin(run, "bare.py:other")
    assert b"The other one" in app.get("/config")[1]


def test_a_name_that_is_not_there(run: Start) -> None:
    app = run(str(FOLDER / "bare.py") + ":absent", subcommand="gradio")
    assert app.wait_exit() == 2
    assert "no Gradio app of the name 'absent'" in app.events("failed")[0]["message"]
