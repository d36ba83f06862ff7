"""The sandbox by itself: what is inside, what cannot get out, and what is left."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from seatrial.engines import runner
from seatrial.engines.engine import Release
from seatrial.engines.local import embedded, space
from seatrial.engines.local.sandbox import Limits, Sandbox, sandbox
from seatrial.kernel.errors import DeployError, ToolError
from seatrial.kernel.workload import Proof, Service
from seatrial.rehearsal.placeholders import placeholders

PROOF = Proof(kind="source", rule="x")


def run(box: Sandbox, code: str, timeout_s: float = 60.0) -> tuple[int | None, str]:
    log = box.scratch / "said.log"
    pid = box.spawn(
        (sys.executable, "-c", code), env={"PATH": os.environ["PATH"]}, cwd=box.scratch, log=log
    )
    code_left = box.wait(pid, timeout_s)
    return code_left, log.read_text()


def test_what_is_inside(tmp_path: Path) -> None:
    with sandbox(tmp_path, Limits()) as box:
        code, said = run(box, "import os; print(sorted(os.environ), os.getcwd()); exit(3)")
        assert code == 3 and "AWS" not in said and str(box.scratch) in said
        (port,) = box.free_ports(1)
        server = box.spawn(
            (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"),
            env={}, cwd=box.scratch, log=box.scratch / "server.log",
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while True:
            try:
                assert box.get(port, "/")[0] == 200
                break
            except Exception:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        if box.network_cut:
            assert runner.is_free(port), "the port is taken inside only"
        tree = box.tree(server)
        assert "http.server" in psutil.Process(tree[0]).cmdline()
        assert box.cpu_s(server) > 0
        with pytest.raises(ConnectionRefusedError):
            box.dial(box.free_ports(1)[0])
        with pytest.raises(ToolError, match="no-such-program"):
            box.spawn(("no-such-program",), env={}, cwd=box.scratch, log=box.scratch / "x.log")
    assert not box.scratch.exists() and not psutil.pid_exists(tree[0])


@pytest.mark.skipif(
    not space.choose(cut_network=True)[0] & space.NEW_NETWORK,
    reason="this system gives no network of its own",
)
def test_nothing_leads_out(tmp_path: Path) -> None:
    code = "import socket\nsocket.create_connection(('192.0.2.1', 80), 5)"
    with sandbox(tmp_path, Limits()) as box:
        assert box.network_cut
        assert "unreachable" in run(box, code)[1]


def test_where_the_network_cannot_be_cut_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The guard is another process: it is made to run where the kernel gives nothing.
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "from seatrial.engines.local import space\n"
        "space.choose = lambda cut_network: (0, 'no right to')\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-pass-on")
    release = Release(app="a", entry="a:b", python=sys.executable, source_dir=str(tmp_path))
    stay = "import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork() == 0: time.sleep(600)"
    with sandbox(tmp_path / "root", Limits()) as box:
        assert not box.network_cut and not box.own_pids and box.reason == "no right to"
        env = box.env_of(release)
        assert "AWS_SECRET_ACCESS_KEY" not in env and "do-not-pass-on" not in env.values()
        assert env["HTTPS_PROXY"] == "http://127.0.0.1:9" and env["HF_HUB_OFFLINE"] == "1"
        assert "127.0.0.1" in env["NO_PROXY"] and env["HOME"].startswith(str(box.scratch))
        assert run(box, stay)[0] == 0
        [guard] = [
            p for p in psutil.Process().children() if str(box.scratch) in " ".join(p.cmdline())
        ]
        left = guard.children(recursive=True)
        assert left, "the orphan came back to the guard"
    assert not any(process.is_running() for process in left)
    assert not box.scratch.exists()
    with sandbox(tmp_path / "root", Limits(allow_network=True)) as box:
        assert "HTTPS_PROXY" not in box.env_of(release) or os.environ.get("HTTPS_PROXY")


def test_a_limit_ends_everything_inside(tmp_path: Path) -> None:
    with sandbox(tmp_path, Limits(memory_mib=200)) as box:
        code, _ = run(box, "x = []\nwhile True: x.append(bytearray(1 << 20))")
        assert code == -9
        assert box.verdict == "it used more than 200 MiB of memory"
        with pytest.raises(DeployError):
            box.dial(1)
        with pytest.raises(ToolError, match="200 MiB"):
            run(box, "1")


def test_what_an_app_locks_up_is_removed_too(tmp_path: Path) -> None:
    with sandbox(tmp_path, Limits()) as box:
        code = "import os\nos.makedirs('a/b')\nopen('a/b/c', 'w').close()\nos.chmod('a/b', 0)"
        assert run(box, code)[0] == 0
    assert not box.scratch.exists()


def test_the_address_of_a_server_as_the_app_reads_it() -> None:
    def service(env: str) -> Service:
        return Service(kind="postgresql", env=env, proof=PROOF)

    address = embedded.Address(port=5, user="u", password="p", database="d")
    url = embedded.variables(service("DATABASE_URL"), address, (), "postgresql+asyncpg")
    assert url == {"DATABASE_URL": "postgresql+asyncpg://u:p@127.0.0.1:5/d"}
    read = ("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD",
            "OTHER_PORT", "POSTGRES_SSLMODE")  # fmt: skip
    assert embedded.variables(service("POSTGRES_HOST"), address, read, "") == {
        "POSTGRES_HOST": "127.0.0.1", "POSTGRES_PORT": "5", "POSTGRES_USER": "u",
        "POSTGRES_DB": "d", "POSTGRES_PASSWORD": "p",
    }  # fmt: skip


def test_which_services_are_started() -> None:
    def service(kind: str, env: str, required: bool = True) -> Service:
        return Service(kind=kind, env=env, required=required, proof=PROOF)  # type: ignore[arg-type]

    services = (
        service("postgresql", "DATABASE_URL"), service("redis", "REDIS_URL"),
        service("redis", ""), service("mysql", "MYSQL_URL"), service("redis", "CACHE_URL", False),
    )  # fmt: skip
    found = embedded.wanted(services, {"DATABASE_URL": "postgresql://db/app"})
    assert [one.env for one in found] == ["REDIS_URL"]


def test_placeholders_are_harmless(tmp_path: Path) -> None:
    services = (Service(kind="mysql", env="MYSQL_URL", proof=PROOF),)
    names = ("API_KEY", "API_URL", "SMTP_PORT", "MAX_ITEMS", "USE_CACHE", "MODEL_DIR", "GIVEN")
    found = placeholders(names, services, {"GIVEN": "x"}, tmp_path)
    assert "GIVEN" not in found
    assert found["MYSQL_URL"].startswith("mysql://") and "127.0.0.1:9" in found["MYSQL_URL"]
    assert found["API_URL"] == "http://127.0.0.1:9/" and found["MODEL_DIR"] == str(tmp_path)
    assert int(found["SMTP_PORT"]) and int(found["MAX_ITEMS"]) and found["USE_CACHE"] == "0"
    assert len(found["API_KEY"]) == 44
