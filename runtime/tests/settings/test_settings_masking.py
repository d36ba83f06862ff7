"""What the secrets source gave reaches the app, and comes out nowhere."""

import os
from pathlib import Path

from conftest import Start
from harness import wait_for

SECRET = "an odd value that no rule knows"
APP = """
import os

def app(environ, start_response):
    print("the value is", os.environ["PLAIN_NAME"])
    body = os.environ["PLAIN_NAME"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


def test_the_app_has_it_and_no_log_does(run: Start, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "plain-name").write_text(SECRET)
    (tmp_path / "telling.py").write_text(APP)
    app = run("telling:app", "--secrets", f"files:{secrets}", app_dir=tmp_path)
    app.wait_ready()
    assert app.get("/") == (200, SECRET.encode())
    wait_for(lambda: "the value is" in app.stdout + app.stderr, "printed line")
    for pid in (app.process.pid, *app.workers()):
        assert SECRET not in Path(f"/proc/{pid}/cmdline").read_text()
    app.process.terminate()
    assert app.wait_exit() == 0
    assert SECRET not in app.stdout + app.stderr
    assert SECRET not in "".join(os.environ.values())
