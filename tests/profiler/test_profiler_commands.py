"""The dangers in start commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from seatrial.kernel.workload import Fact
from seatrial.profiler.declared import detect
from seatrial.profiler.detectors import commands
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

App = Callable[[dict[str, str | bytes]], Source]
FLASK = "from flask import Flask\napp = Flask(__name__)\n"


def facts(source: Source, framework: str = "flask") -> list[Fact]:
    part = Part(
        source=source, name="web", kind="web", framework=framework, entry="s:app",
        paths=source.python_files, dependencies={},
    )  # fmt: skip
    return list(commands.detect(part, detect(source)))


@pytest.mark.parametrize(
    ("command", "rules"),
    [
        ("gunicorn s:app", []),
        ("flask run", ["command.dev-server"]),
        ("flask run --debug", ["command.dev-server", "command.debug"]),
        ("FLASK_DEBUG=1 flask run", ["command.dev-server", "command.debug"]),
        ("FLASK_DEBUG=0 flask run", ["command.dev-server"]),
        ("python s.py", ["command.dev-server"]),
        ("fastapi run s.py", []),
        ("fastapi dev s.py", ["command.dev-server"]),
        ("uvicorn s:app --reload", ["command.reload"]),
        ("gunicorn -w $(nproc) s:app", ["command.workers-by-cpu", "command.concurrency"]),
        ("gunicorn -w 2 s:app", ["command.concurrency"]),
        ("flask db upgrade && gunicorn s:app", ["command.migrates"]),
        ("python manage.py collectstatic && gunicorn s:app", []),
        ("celery -A s worker & gunicorn s:app", ["command.several-processes"]),
        ("celery -A s worker & gunicorn s:app & wait -n", []),
        ("gunicorn --timeout 60 s:app", ["command.timeout"]),
        ("gunicorn --timeout 0 s:app", ["command.timeout", "command.timeout-off"]),
        ("uvicorn s:app --forwarded-allow-ips='*'", ["command.trusts-proxies"]),
        ("uvicorn s:app --forwarded-allow-ips=10.0.0.1", []),
        ("sudo gunicorn s:app", ["command.root"]),
    ],
)
def test_dangers_in_commands(app: App, command: str, rules: list[str]) -> None:
    code = FLASK + "if __name__ == '__main__':\n    app.run()\n"
    found = facts(app({"s.py": code, "Procfile": f"web: {command}\n"}))
    assert sorted(fact.rule for fact in found) == sorted(rules)
    assert all(fact.proof.file == "Procfile" and fact.proof.line == 1 for fact in found)
    assert not facts(
        app({"s.py": code, "Procfile.dev": f"web: {command}\n", "Procfile": "x: rq worker\n"})
    )


def test_a_compose_file_beside_a_dockerfile_is_for_development(app: App) -> None:
    files: dict[str, str | bytes] = {
        "s.py": FLASK,
        "docker-compose.yml": "services:\n  web:\n    build: .\n    command: flask run --debug\n",
        "Dockerfile": 'FROM python\nWORKDIR /a\nCOPY . .\nCMD ["gunicorn", "-b", ":80", "s:app"]\n',
    }
    assert facts(app(files)) == []
    files["Dockerfile"] = "FROM python\nWORKDIR /a\nCOPY . .\n"
    told = [fact.rule for fact in facts(app(files | {"t.py": ""}))]
    assert told == ["command.dev-server", "command.debug", "command.loopback"]
