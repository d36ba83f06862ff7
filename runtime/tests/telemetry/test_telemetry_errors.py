import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from receiver import Receiver
from telemetry_process import run_code

pytest.importorskip("sentry_sdk")

SECRET = "planted-sentry-secret"


@pytest.fixture
def server() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_an_exception_arrives_with_its_request_and_without_values(
    tmp_path: Path, server: Receiver
) -> None:
    app = tmp_path / "shop_views.py"
    app.write_text(
        "import os\n"
        "def view():\n"
        "    local = os.environ['SHOP_TOKEN']\n"
        "    raise RuntimeError('failed with ' + local)\n"
    )
    ran = run_code(
        tmp_path,
        """
        sys.path.insert(0, os.getcwd())
        import shop_views
        done = request("id-1", user="u-1")
        with running(done):
            requests.began(done)
            try: shop_views.view()
            except RuntimeError as error: requests.caught(error, done)
        logging.error("not sent: only what came out of the app is")
        start.finish(5)
        """,
        SENTRY_DSN=f"http://public@127.0.0.1:{server.port}/1",
        SHOP_TOKEN=SECRET,
    )
    assert ran.code == 0, ran.everything
    [event] = server.envelopes()
    [error] = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("RuntimeError", "failed with [redacted]")
    assert error["stacktrace"]["frames"][-1]["function"] == "view"
    assert not any("vars" in frame for frame in error["stacktrace"]["frames"])
    assert event["tags"]["correlation_id"] == "id-1" and event["tags"]["service"] == "shop"
    assert event["user"] == {"id": "u-1"} and event["environment"] == "staging"
    assert event["transaction"] == "GET /a/<x>"
    assert SECRET not in json.dumps(event) and SECRET not in ran.everything


def test_a_forked_process_sends_its_own(tmp_path: Path, server: Receiver) -> None:
    ran = run_code(
        tmp_path,
        """
        def fail(what):
            try: raise LookupError(what)
            except LookupError as error: requests.caught(error, request())
            start.finish(5)
        fail("parent")
        child = os.fork()
        if child == 0:
            fail("child"); os._exit(0)
        os.waitpid(child, 0)
        """,
        SENTRY_DSN=f"http://public@127.0.0.1:{server.port}/1",
    )
    assert ran.code == 0
    values = [event["exception"]["values"][0]["value"] for event in server.envelopes()]
    assert sorted(values) == ["child", "parent"]


def test_a_server_that_is_away_holds_nothing_up(tmp_path: Path, server: Receiver) -> None:
    server.silent = True
    ran = run_code(
        tmp_path,
        """
        try: raise LookupError("x")
        except LookupError as error: requests.caught(error, request())
        start.finish(0.3)
        """,
        SENTRY_DSN=f"http://public@127.0.0.1:{server.port}/1",
    )
    assert ran.code == 0 and len(ran.named("exception")) == 1
