from pathlib import Path

from telemetry_process import run_code

CONFIGURATIONS = {
    "nothing": "",
    "basicConfig": "logging.basicConfig(level=logging.DEBUG, format='%(asctime)s %(message)s')",
    "forced": "logging.basicConfig(level='DEBUG', force=True, stream=sys.stdout)",
    "own handler": """
h = logging.StreamHandler(); h.setFormatter(logging.Formatter('<%(levelname)s> %(message)s'))
logging.getLogger('shop').addHandler(h); logging.getLogger('shop').setLevel('DEBUG')
logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
""",
    "dictConfig": """
import logging.config
logging.config.dictConfig({"version": 1, "disable_existing_loggers": True,
  "formatters": {"f": {"format": "%(name)s|%(message)s"}},
  "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f", "stream": "ext://sys.stderr"}},
  "root": {"handlers": ["h"], "level": "DEBUG"}})
""",
    "json formatter": """
import json
class Json(logging.Formatter):
    def format(self, record):
        return json.dumps({"msg": record.getMessage(), "levelname": record.levelname, "own": 1})
h = logging.StreamHandler(); h.setFormatter(Json()); logging.getLogger().addHandler(h)
""",
    "saved stream": """
import io
class Proxy:
    def __init__(self, stream): self.stream = stream
    def write(self, text): return self.stream.write(text)
    def flush(self): self.stream.flush()
h = logging.StreamHandler(Proxy(sys.__stderr__)); logging.getLogger().addHandler(h)
""",
}


def test_each_record_is_one_event_however_logging_is_configured(tmp_path: Path) -> None:
    for name, configured in CONFIGURATIONS.items():
        code = f"""{configured}
log = logging.getLogger("shop")
with running(request("id-3")):
    log.info("sold %d cups", 2, extra={{"item": "cup", "event": "sale"}})
    try:
        [][1]
    except IndexError:
        log.exception("not there")
"""
        ran = run_code(tmp_path, code)
        assert ran.code == 0, (name, ran.everything)
        events = [e for e in ran.events if e["event"] in ("log", "print")]
        assert len(events) == 2, (name, ran.everything)
        sold, failed = events
        assert (sold["level"], failed["level"]) == ("info", "error"), name
        assert "sold 2 cups" in (sold.get("message"), sold.get("msg")), name
        assert {sold["logger"], failed["logger"]} == {"shop"}, name
        assert {sold["correlation_id"], failed["correlation_id"]} == {"id-3"}, name
        if name == "json formatter":
            assert sold["own"] == 1
        else:
            assert (sold["item"], sold["event_"]) == ("cup", "sale"), name
            assert failed["traceback"].rstrip().endswith("IndexError: list index out of range")
        assert not ran.raw, name


def test_basic_config_of_the_app_still_writes_its_file(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    ran = run_code(
        tmp_path,
        f"""
        logging.basicConfig(filename={str(log)!r}, level="INFO", format="%(levelname)s %(message)s")
        logging.info("into the file")
        """,
    )
    assert log.read_text() == "INFO into the file\n" and not ran.events


def test_what_a_formatter_masks_stays_masked(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        class Mask(logging.Formatter):
            def format(self, record):
                return super().format(record).replace("4111111111111111", "card")
        handler = logging.StreamHandler(); handler.setFormatter(Mask("%(levelname)s %(message)s"))
        logging.getLogger().addHandler(handler)
        logging.error("paid with %s", "4111111111111111")
        """,
    )
    assert "4111" not in ran.everything
    assert ran.named("log")[0]["message"] == "ERROR paid with card"


def test_the_level_holds_and_changes_while_it_runs(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        logging.info("one"); logging.warning("two")
        logging.basicConfig(level="DEBUG"); logging.info("three")
        start.set_level("DEBUG"); logging.debug("four")
        start.set_level("error"); logging.warning("five"); logging.error("six")
        """,
        LEVEL="WARNING",
    )
    assert [event["message"] for event in ran.named("log")] == ["two", "four", "six"]


def test_bad_arguments_and_warnings_are_events(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        import warnings
        logging.info("%d", "x")
        warnings.warn("old", UserWarning)
        logging.captureWarnings(True)
        class Odd:
            def __str__(self): raise RuntimeError("no")
        logs.emit("info", "odd", value=Odd(), big=1 << 80, nan=float("nan"), text="\\udcff")
        """,
    )
    assert ran.code == 0
    [odd] = ran.named("odd")
    assert odd["big"] == 1 << 80 and "RuntimeError" in odd["value"]
    [warning] = ran.named("warning")
    assert (warning["message"], warning["category"]) == ("old", "UserWarning")
    assert any("TypeError" in event["message"] for event in ran.named("log"))


def test_work_given_to_a_pool_carries_the_id(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        import asyncio
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(1)
        pool.submit(print, "without").result()
        for n in range(3):
            with running(request(f"id-{n}")):
                pool.submit(print, f"pool {n}").result()
        async def view():
            with running(request("id-async")):
                await asyncio.to_thread(print, "to_thread")
                await asyncio.get_running_loop().run_in_executor(None, print, "executor")
                await asyncio.create_task(child())
        async def child(): print("task")
        asyncio.run(view())
        with running(request("id-thread")):
            thread = threading.Thread(target=print, args=("thread",)); thread.start(); thread.join()
        """,
    )
    ids = {event["message"]: event.get("correlation_id") for event in ran.named("print")}
    assert ids.pop("thread") in (None, "id-thread")  # Python 3.14 can be told to inherit.
    assert ids == {
        "without": None,
        "pool 0": "id-0",
        "pool 1": "id-1",
        "pool 2": "id-2",
        "to_thread": "id-async",
        "executor": "id-async",
        "task": "id-async",
    }


def test_request_lines(tmp_path: Path) -> None:
    ran = run_code(
        tmp_path,
        """
        done = request("id-5", status=503, user="u1", client="10.0.0.9")
        requests.began(done); requests.ended(done, 0.0123456, log=True)
        requests.ended(request(path="/p?token=abc", route=""), 0.5, log=True)
        requests.ended(request(), 0.5, log=False)
        try: raise ValueError("bad value")
        except ValueError as error: requests.caught(error, done)
        """,
    )
    first, second = ran.named("request")
    assert first.pop("timestamp")
    assert first == {
        "level": "error",
        "event": "request",
        "correlation_id": "id-5",
        "route": "/a/<x>",
        "method": "GET",
        "path": "/a/b",
        "status": 503,
        "duration_ms": 12.346,
        "user": "u1",
        "client": "10.0.0.9",
        "service": "shop",
        "environment": "staging",
    }
    assert (second["path"], second["route"]) == ("/p", "(unmatched)")
    [caught] = ran.named("exception")
    assert (caught["type"], caught["message"]) == ("ValueError", "bad value")
    assert "ValueError: bad value" in caught["traceback"]


def test_parts_of_request_lines_that_are_kept_stay_right(tmp_path: Path) -> None:
    """Quoted, told apart, and masked again when a secret becomes known after they were made."""
    ran = run_code(
        tmp_path,
        r"""
        odd = request('quoted"\\', path='/\u2028"x\n\udcff', client="10.0.0.1", method='A"B')
        requests.ended(odd, 0.0009996, log=True)
        for status, user in ((200, ""), (404, "u1"), (200, "")):
            requests.ended(request("id-1", path="/late-secret-1/x", status=status, user=user,
                                   client="10.0.0.2"), 1.5, log=True)
        logs.add_secrets(["late-secret-1"])
        requests.ended(request("late-secret-1", path="/late-secret-1/x", client="10.0.0.2"), 2,
                       log=True)
        logs.tell(release="r2")
        requests.ended(request("id-2", client="10.0.0.2"), 0, log=True)
        for n in range(9000):
            requests.ended(request("id-3", path=f"/p{n}", client=f"c{n}"), 0, log=False)
            logs.request(request("id-3", path=f"/p{n}", client=f"c{n}", method=f"M{n}"), 0)
        from seatrial_runtime.telemetry import masking
        assert max(len(kept) for kept in masking._Known.caches) <= 4096
        """,
    )
    assert ran.code == 0, ran.everything[-2000:]
    odd, first, other, again, secret, told, *many = ran.named("request")
    assert (odd["correlation_id"], odd["method"]) == ('quoted"\\', 'A"B')
    assert odd["path"].startswith('/\u2028"x\n') and odd["duration_ms"] == 1.0
    assert (first["status"], first.get("user"), first["level"]) == (200, None, "info")
    assert (other["status"], other["user"], other["duration_ms"]) == (404, "u1", 1500.0)
    assert {**again, "timestamp": ""} == {**first, "timestamp": ""}
    assert secret["path"] == "/[redacted]/x" and secret["correlation_id"] == "[redacted]"
    assert told["release"] == "r2" and "release" not in first
    assert len(many) == 9000 and many[-1]["path"] == "/p8999" and many[-1]["client"] == "c8999"
