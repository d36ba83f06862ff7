import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from receiver import Receiver, attributes
from telemetry_process import run_code

pytest.importorskip("opentelemetry.sdk")

SECRET = "planted-trace-secret"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def env(collector: Receiver, **more: str) -> dict[str, str]:
    endpoint = f"http://127.0.0.1:{collector.port}"
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "SHOP_TOKEN": SECRET, **more}


def test_a_span_for_a_request_with_its_parent_and_what_it_called(
    tmp_path: Path, collector: Receiver
) -> None:
    pytest.importorskip("opentelemetry.instrumentation.requests")
    called = Receiver()
    ran = run_code(
        tmp_path,
        f"""
        done = request("id-1", traceparent="00-{TRACE}-{PARENT}-01", status=500)
        with running(done):
            requests.began(done)
            import requests as http
            address = "http://127.0.0.1:{called.port}/pay?token="
            http.post(address + os.environ["SHOP_TOKEN"], data="x")
            try: raise RuntimeError("bad " + os.environ["SHOP_TOKEN"])
            except RuntimeError as error: requests.caught(error, done)
            requests.ended(done, 0.1, log=True)
        from opentelemetry import trace
        assert not trace.get_current_span().get_span_context().is_valid
        start.finish(5)
        """,
        **env(collector),
    )
    called.close()
    assert ran.code == 0, ran.everything
    spans = {span.name: span for span, _ in collector.spans()}
    server, client = spans["GET /a/<x>"], spans["POST"]
    assert server.trace_id.hex() == client.trace_id.hex() == TRACE
    assert server.parent_span_id.hex() == PARENT
    assert client.parent_span_id == server.span_id
    told = attributes(server)
    assert (told["http.route"], told["http.response.status_code"]) == ("/a/<x>", 500)
    assert told["seatrial.correlation_id"] == "id-1"
    assert server.status.code == 2 and server.events[0].name == "exception"
    resource = attributes(collector.spans()[0][1])
    assert resource["service.name"] == "shop"
    assert resource["deployment.environment.name"] == "staging"
    assert not any(SECRET.encode() in body for _, body in collector.posted)
    assert SECRET not in ran.everything


def test_a_task_is_a_child_of_the_request_that_enqueued_it(
    tmp_path: Path, collector: Receiver
) -> None:
    code = """
        from seatrial_runtime.telemetry.task import ID, TRACEPARENT, Task, tell
        done, headers = request("id-4"), {}
        with running(done):
            requests.began(done); tell(headers); requests.ended(done, 0.1, log=False)
        task = Task("shop.add", headers[ID], headers[TRACEPARENT]).begin()
        print("in the task"); task.end("success")
        start.finish(5)
    """
    ran = run_code(tmp_path, code, **env(collector, OTEL_TRACES_SAMPLER="always_on"))
    assert ran.named("print")[0]["correlation_id"] == "id-4"
    request, task = (span for span, _ in collector.spans())
    assert task.name == "shop.add" and task.parent_span_id == request.span_id
    assert (request.kind, task.kind) == (2, 5)  # Server and consumer.


def test_sampling(tmp_path: Path, collector: Receiver) -> None:
    code = f"""
        for n in range(400):
            done = request(); requests.began(done); requests.ended(done, 0.1, log=False)
        for flag in ("01", "00"):
            done = request(route=flag, traceparent="00-{TRACE}-{PARENT}-" + flag)
            requests.began(done); requests.ended(done, 0.1, log=False)
        start.finish(5)
    """
    assert run_code(tmp_path, code, **env(collector)).code == 0
    names = [span.name for span, _ in collector.spans()]
    # Of 400 at 5 %, fewer than 61 but for one run in 10^13; the caller's decisions always hold.
    assert 0 < names.count("GET /a/<x>") < 61
    assert names.count("GET 01") == 1 and names.count("GET 00") == 0
    collector.posted.clear()
    assert run_code(tmp_path, code, **env(collector, OTEL_TRACES_SAMPLER="always_on")).code == 0
    assert len(collector.spans()) == 402


def test_a_forked_process_exports_its_own(tmp_path: Path, collector: Receiver) -> None:
    code = """
        child = os.fork()
        done = request(route="child" if child == 0 else "parent")
        requests.began(done); requests.ended(done, 0.1, log=False)
        start.finish(5)
        if child == 0: os._exit(0)
        os.waitpid(child, 0)
    """
    assert run_code(tmp_path, code, **env(collector, OTEL_TRACES_SAMPLER="always_on")).code == 0
    assert sorted(span.name for span, _ in collector.spans()) == ["GET child", "GET parent"]


def test_a_collector_that_hangs_holds_nothing_up(tmp_path: Path, collector: Receiver) -> None:
    collector.silent = True
    began = time.monotonic()
    ran = run_code(
        tmp_path,
        """
        done = request(); requests.began(done); requests.ended(done, 0.1, log=True)
        start.finish(0.5)
        """,
        **env(collector, OTEL_TRACES_SAMPLER="always_on"),
    )
    assert ran.code == 0 and len(ran.named("request")) == 1
    assert time.monotonic() - began < 30  # Its own time-out would be tried again for 64 s.


def test_off_without_an_endpoint_and_refused_without_the_library(tmp_path: Path) -> None:
    code = """
        requests.began(request()); assert "opentelemetry" not in sys.modules
        assert "sentry_sdk" not in sys.modules and "prometheus_client" not in sys.modules
    """
    assert run_code(tmp_path, code).code == 0
    code = """
        from seatrial_runtime.telemetry import extras
        asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "SENTRY_DSN": "http://a@b/1"}
        assert extras.missing(asked) == ""
        assert extras.missing({}) == ""
        extras.installed = lambda module: module == "sentry_sdk"
        print(extras.missing(asked))
        assert extras.missing({**asked, "OTEL_SDK_DISABLED": "true"}) == ""
        assert extras.missing({**asked, "OTEL_TRACES_EXPORTER": "none"}) == ""
        extras.installed = lambda module: module != "sentry_sdk"
        print(extras.missing(asked))
    """
    ran = run_code(tmp_path, code)
    otel, sentry = [event["message"] for event in ran.named("print")]
    assert "seatrial-runtime[otel]" in otel and "seatrial-runtime[sentry]" in sentry
