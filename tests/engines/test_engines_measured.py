"""`profile --measure` on real apps: installed, booted in the sandbox, measured, gone."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from seatrial import rehearsal
from seatrial.engines import processes
from seatrial.engines.local.layout import layout_of
from seatrial.kernel.demand import AppSettings, Settings
from seatrial.kernel.errors import DeployError
from seatrial.kernel.workload import (
    Component,
    Dependency,
    Fact,
    Measured,
    Proof,
    Route,
    Service,
    Workload,
)  # fmt: skip
from seatrial.profiler import concurrency as concurrency_module
from seatrial.profiler import measure as measure_module
from seatrial.profiler import measure_routes
from seatrial.rehearsal import Limits, measuring

PROOF = Proof(kind="source", rule="flask.route", file="app.py", line=1)
Measure = Callable[..., Workload]


@pytest.fixture
def measure(
    tmp_path: Path,
    runtime_wheel: tuple[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Measure]:
    """Measures an app of one file; no process and no file may be left of it."""
    monkeypatch.setattr("seatrial.runtime_wheel.pack", lambda: runtime_wheel)
    monkeypatch.setattr(measure_routes, "WARM_UP", 5)
    # A quarter of the usual requests: that all of them are sent is proved on examples/furlong.
    monkeypatch.setattr(
        measuring, "measure", functools.partial(measure_module.measure, requests_per_route=50)
    )
    monkeypatch.setattr(measure_module, "GROWTH_REQUESTS", 50)
    monkeypatch.setattr(concurrency_module, "LEVEL_S", 0.5)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    # Environments are made once for all tests with the same requirements.
    root = tmp_path_factory.getbasetemp() / "measured"
    before = {process.pid for process in psutil.process_iter()}

    def begin(
        code: str, part: Component, *needs: str, app: AppSettings | None = None,
        limits: Limits | None = None, lines: list[str] | None = None,
        more: tuple[Component, ...] = (),
    ) -> Workload:  # fmt: skip
        folder = tmp_path / "app"
        folder.mkdir(exist_ok=True)
        (folder / "app.py").write_text(textwrap.dedent(code))
        (folder / "requirements.txt").write_text("\n".join(needs) + "\n")
        made = Workload(
            app="small", source_digest=f"{abs(hash(code)):016x}"[:16],
            requirements_file="requirements.txt", components=(part, *more),
            dependencies=tuple(Dependency(name=need.split("=")[0], proof=PROOF) for need in needs),
        )  # fmt: skip
        tell = (lines if lines is not None else []).append
        settings = Settings(app=app or AppSettings())
        return rehearsal.measured(folder, made, settings, root, tell, limits)

    yield begin
    assert list(temporary.iterdir()) == []
    assert processes.marked(layout_of(root).mark, owned=True) == ()
    mine = psutil.Process().children(recursive=True)
    assert not [p for p in mine if p.pid not in before and p.status() != psutil.STATUS_ZOMBIE]


def component(*paths: str, **changes: Any) -> Component:
    routes = tuple(Route(path=p, methods=("GET",), endpoint=p, proof=PROOF) for p in paths)
    values: dict[str, Any] = {
        "name": "web", "kind": "web", "framework": "flask", "interface": "wsgi", "entry": "app:app",
        "command": ("x",), "port": 8000, "routes": routes,
    }  # fmt: skip
    return Component(**(values | changes))


def told(workload: Workload) -> Measured:
    found = workload.components[0].measured
    assert found is not None
    return found


PLAIN = """
    import time
    LEAK, KEPT = [], bytearray(30 << 20)

    def app(environ, start):
        path = environ["PATH_INFO"]
        if path == "/wait":
            time.sleep(0.03)
        elif path == "/compute":
            until = time.thread_time() + 0.005
            while time.thread_time() < until:
                pass
        elif path == "/leak":
            LEAK.append(bytearray(64 << 10))
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
        return [b"ok"]
"""


def test_a_waiting_app_keeps_its_latency_up_to_its_threads(
    measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_module, "GROWTH_REQUESTS", 200)
    found = measure(PLAIN, component("/wait"))
    took, route = told(found), found.components[0].routes[0]
    assert route.service_time is not None
    assert route.service_time.cpu_ms_mean < 15 < 30 <= route.service_time.quantiles_ms[0]
    assert took.boot_s > 0 and took.memory_mib_idle > 30 and took.memory_mib_worker > 30
    assert took.memory_mib_second_worker is not None and took.memory_mib_second_worker > 30
    assert took.memory_mib_per_1000_requests == pytest.approx(0, abs=2)
    assert "without the network" in took.proof.note or "not cut" in took.proof.note
    assert took.concurrency_route == "/wait"
    curve = {one.requests: one for one in took.concurrency}
    assert list(curve) == [1, 2, 4, 8, 16]
    # Eight threads: sixteen requests that only wait take two turns.
    assert curve[16].latency_ms_p50 > 1.5 * curve[1].latency_ms_p50
    assert curve[4].throughput_rps > 2 * curve[1].throughput_rps


def test_a_computing_app_slows_down_with_every_request_in_flight(measure: Measure) -> None:
    took = told(measure(PLAIN, component("/compute")))
    curve = {one.requests: one for one in took.concurrency}
    assert curve[16].latency_ms_p50 > 3 * curve[1].latency_ms_p50


def test_a_leak_is_seen(measure: Measure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_module, "GROWTH_REQUESTS", 1000)
    monkeypatch.setattr(measure_module, "SAMPLE_EVERY_S", 0.02)
    grown = told(measure(PLAIN, component("/leak"))).memory_mib_per_1000_requests
    # 64 KiB a request.
    assert grown is not None and 45 < grown < 85


FASTAPI = """
    from contextlib import asynccontextmanager
    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(app):
        app.state.started = True
        yield

    def create_app():
        app = FastAPI(lifespan=lifespan)

        @app.get("/")
        async def index():
            return {"started": app.state.started}

        @app.get("/items/{item_id}")
        def item(item_id: int):
            return {"id": item_id}

        return app
"""


def test_fastapi(measure: Measure) -> None:
    part = component("/", "/items/{item_id:int}", framework="fastapi", interface="asgi",
                     entry="app:create_app", factory=True)  # fmt: skip
    found = measure(FASTAPI, part, "fastapi", "uvicorn==0.30.0")
    index, item = found.components[0].routes
    assert index.service_time is not None and item.service_time is not None
    assert item.examples == ("/items/1",)
    took = told(found)
    assert took.memory_mib_second_worker is not None and took.memory_mib_second_worker > 10
    assert [one.requests for one in took.concurrency] == [1, 2, 4, 8, 16]


DJANGO = """
    import os
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse
    from django.urls import path

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1", "localhost"], ROOT_URLCONF=__name__,
        SECRET_KEY=os.environ["DJANGO_SECRET_KEY"], MIDDLEWARE=[],
    )
    urlpatterns = [path("polls/<int:poll>/", lambda request, poll: JsonResponse({"id": poll}))]
    application = get_wsgi_application()
"""


def test_django(measure: Measure) -> None:
    secret = Fact(rule="env.read", subject="DJANGO_SECRET_KEY", value="required", proof=PROOF)
    part = component("/polls/<int:poll>/", framework="django", entry="app:application",
                     facts=(secret,))  # fmt: skip
    found = measure(DJANGO, part, "django==5.2.19", app=AppSettings(ready_path="/polls/1/"))
    [route] = found.components[0].routes
    assert route.examples == ("/polls/1/",) and route.service_time is not None
    assert "placeholders in DJANGO_SECRET_KEY" in told(found).proof.note


SCRIPT = """
    import os, subprocess, sys
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    if "--child" in sys.argv:
        kept = bytearray(os.urandom(1) * (20 << 20))
        sys.stdin.read()
    child = subprocess.Popen([sys.executable, __file__, "--child"], stdin=subprocess.PIPE)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_a_command(measure: Measure) -> None:
    part = component(framework="script", interface="command", entry="app.py",
                     command=("python", "app.py"), port=0)  # fmt: skip
    found = measure(SCRIPT, part)
    took = told(found)
    assert [route.path for route in found.components[0].routes] == ["/"]
    assert found.components[0].routes[0].service_time is not None
    assert took.memory_mib_worker > 20, "its child counts"
    assert took.memory_mib_second_worker is not None and took.memory_mib_second_worker > 20


def test_a_worker_is_booted_until_it_idles(measure: Measure) -> None:
    worker = component(name="worker", kind="worker", interface="command",
                       command=("python", "app.py", "work"), port=0)  # fmt: skip
    code = (
        "import sys, time\n"
        + textwrap.dedent(PLAIN)
        + ("\nif 'work' in sys.argv:\n    while True:\n        time.sleep(60)\n")
    )
    lost = component(name="lost", kind="worker", interface="command", command=("python", "-c", "1"))
    found = measure(code, component("/"), more=(worker, lost))
    web, idle, failed = found.components
    assert web.measured is not None and idle.measured is not None
    assert idle.measured.memory_mib_idle > 30
    assert failed.measured is None
    [fact] = [fact for fact in failed.facts if fact.rule == "measure.failed"]
    assert "ended with exit code 0" in fact.value


SERVICES = """
    import os
    import psycopg, redis

    URL = os.environ["DATABASE_URL"]
    KEY = os.environ["PAYMENT_API_KEY"]
    with psycopg.connect(URL) as base:
        base.execute("create table if not exists visits (at timestamptz)")
    cache = redis.Redis(os.environ["REDIS_HOST"], int(os.environ["REDIS_PORT"]),
                        password=os.environ["REDIS_PASSWORD"])
    assert cache.ping()

    def app(environ, start):
        with psycopg.connect(URL) as base:
            base.execute("insert into visits values (now())")
        body = str(cache.incr("visits")).encode()
        start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]
"""


def test_postgresql_and_redis_are_there_for_the_app(measure: Measure) -> None:
    def reads(name: str) -> Fact:
        return Fact(rule="env.read", subject=name, value="required", proof=PROOF)

    lines: list[str] = []
    part = component(
        "/",
        services=(
            Service(kind="postgresql", env="DATABASE_URL", proof=PROOF),
            Service(kind="redis", env="REDIS_HOST", proof=PROOF),
        ),
        facts=tuple(map(reads, ("DATABASE_URL", "PAYMENT_API_KEY", "REDIS_HOST", "REDIS_PORT",
                                "REDIS_PASSWORD"))),
    )  # fmt: skip
    found = measure(SERVICES, part, "psycopg[binary]", "redis", lines=lines)
    assert found.components[0].routes[0].service_time is not None
    note = told(found).proof.note
    assert "with an empty postgresql and redis" in note
    assert "placeholders in PAYMENT_API_KEY" in note
    assert any("PostgreSQL" in line for line in lines)


@pytest.mark.parametrize(
    ("code", "words", "time_s"),
    [
        ("hog = []\nwhile True:\n    hog.append(bytearray(8 << 20))\n", "than 256 MiB of mem", 120),
        ("import os\nwhile True:\n    os.fork()\n", "more than 40 processes", 120),
        ("import time\ntime.sleep(600)\n", "not ready within", 8),
        ("import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\n"
         "os.setsid() if os.fork() == 0 else None\n"
         "time.sleep(600)\n", "not ready within", 8),
        ("raise RuntimeError('no licence')\n", "no licence", 120),
    ],
)  # fmt: skip
def test_an_app_that_does_harm_is_ended_and_told(
    measure: Measure, code: str, words: str, time_s: float
) -> None:
    limits = Limits(memory_mib=256, processes=40, time_s=time_s)
    with pytest.raises(DeployError, match=words):
        measure(code, component("/"), limits=limits)


def test_nothing_leads_out(measure: Measure) -> None:
    code = """
        import os, socket
        def app(environ, start):
            try:
                socket.create_connection(("192.0.2.1", 80), 0.5)
                body = b"out"
            except OSError as error:
                body = type(error).__name__.encode()
            start("200 OK", [("Content-Length", str(len(body)))])
            return [body]
    """
    found = measure(code, component("/"))
    timed = found.components[0].routes[0].service_time
    assert timed is not None
    if "without the network" in told(found).proof.note:
        # Refused by a network that has no way out, not after the half second that all would take.
        assert timed.quantiles_ms[0] < 400 and timed.response_bytes_mean > 3


STREAMLIT = """
    import time
    import streamlit as st
    st.title("Plan")
    time.sleep(0.1)
    st.write(sum(i * i for i in range(1000)))
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_script_of_a_streamlit_app_is_run_as_a_browser_does(measure: Measure) -> None:
    part = component(
        framework="streamlit", interface="command", entry="app.py", port=8501,
        command=("streamlit", "run", "app.py", "--server.port", "{port}",
                 "--server.address", "127.0.0.1"),
    )  # fmt: skip
    found = measure(STREAMLIT, part, "streamlit==1.67.0")
    page, script = found.components[0].routes
    assert page.service_time is not None and page.examples == ("/",)
    assert script.endpoint == "script run" and script.examples == ()
    assert script.service_time is not None, script.unmeasured
    assert script.service_time.quantiles_ms[0] >= 100
    assert told(found).concurrency_route == "/_stcore/stream"

    raising = measure("import streamlit\nraise KeyError('plan')\n", part, "streamlit==1.67.0")
    assert "the script raised" in raising.components[0].routes[1].unmeasured
