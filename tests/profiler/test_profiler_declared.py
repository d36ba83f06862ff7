"""Command lines as people write them, taken apart."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.profiler.declared import Start, parse, shell
from seatrial.profiler.declared.options import masked


def fields(start: Start, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(start, name) for name in names)


def one(command: str | list[str], **around: Any) -> Start:
    found = parse(command, **around)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("command", "program", "module", "attr"),
    [
        ("gunicorn shop:app", "gunicorn", "shop", "app"),
        ("gunicorn shop", "gunicorn", "shop", "application"),
        ("gunicorn -w 4 -b :8000 shop.wsgi", "gunicorn", "shop.wsgi", "application"),
        ("gunicorn -k uvicorn.workers.UvicornWorker shop.main:app", "gunicorn", "shop.main", "app"),
        ("gunicorn -w4 -b0.0.0.0:80 shop:app", "gunicorn", "shop", "app"),
        ("gunicorn --timeout 120 'shop:create_app()'", "gunicorn", "shop", "create_app"),
        ("/usr/local/bin/gunicorn shop:app", "gunicorn", "shop", "app"),
        ("python -m gunicorn shop:app", "gunicorn", "shop", "app"),
        ("uvicorn shop.main:app --host 0.0.0.0 --port 80", "uvicorn", "shop.main", "app"),
        ("uvicorn --host 0.0.0.0 shop.main:app", "uvicorn", "shop.main", "app"),
        ("hypercorn asgi:shop:app", "hypercorn", "shop", "app"),
        ("daphne -b 0.0.0.0 -p 8001 shop.asgi:application", "daphne", "shop.asgi", "application"),
        ("granian --interface asgi shop:app", "granian", "shop", "app"),
        ("waitress-serve --port=80 --call shop:create", "waitress-serve", "shop", "create"),
        ("uwsgi --http :80 -w shop.wsgi:app", "uwsgi", "shop.wsgi", "app"),
        ("uwsgi --http :80 --module shop.wsgi --callable api", "uwsgi", "shop.wsgi", "api"),
        ("uwsgi --socket :80 --mount /=shop:app", "uwsgi", "shop", "app"),
        ("flask --app shop run", "flask", "shop", ""),
        ("flask --app src/shop.py:api run -p 80", "flask", "src.shop", "api"),
        ("FLASK_APP=shop/web.py flask run", "flask", "shop.web", ""),
        ("litestar --app shop.web:app run", "litestar", "shop.web", "app"),
        ("sanic shop.server:app", "sanic", "shop.server", "app"),
        ("sanic shop.server.app", "sanic", "shop.server", "app"),
        ("celery -A shop.tasks worker -l info", "celery", "shop.tasks", ""),
        ("celery --app=shop:celery beat", "celery", "shop", "celery"),
        ("arq shop.work.WorkerSettings", "arq", "shop.work", "WorkerSettings"),
        ("huey_consumer.py shop.tasks.huey -w 4", "huey_consumer", "shop.tasks", "huey"),
        ("dramatiq shop.tasks -p 2", "dramatiq", "shop.tasks", ""),
        ("taskiq worker shop:broker", "taskiq", "shop", "broker"),
        ("faust -A shop worker", "faust", "shop", ""),
        ("serve run shop:app", "serve", "shop", "app"),
    ],
)
def test_modules(command: str, program: str, module: str, attr: str) -> None:
    assert fields(one(command), "program", "module", "attr") == (program, module, attr)


@pytest.mark.parametrize(
    ("command", "program", "file"),
    [
        ("streamlit run app.py --server.port 80", "streamlit", "app.py"),
        ("streamlit run --server.port=80 web/app.py", "streamlit", "web/app.py"),
        ("python -m streamlit run app.py", "streamlit", "app.py"),
        ("chainlit run app.py -h --port 80", "chainlit", "app.py"),
        ("fastapi run app/main.py --port 80", "fastapi", "app/main.py"),
        ("fastapi dev main.py", "fastapi", "main.py"),
        ("panel serve dash.py --address 0.0.0.0", "panel", "dash.py"),
        ("bokeh serve dash.py", "bokeh", "dash.py"),
        ("marimo run book.py --host 0.0.0.0", "marimo", "book.py"),
        ("mesop main.py", "mesop", "main.py"),
        ("python bot.py", "python", "bot.py"),
        ("python3.11 -u -O src/bot.py --verbose", "python", "src/bot.py"),
        ("./bot.py", "python", "bot.py"),
        ("python manage.py runserver 0.0.0.0:80", "django", "manage.py"),
        ("python site/manage.py qcluster", "django", "site/manage.py"),
        ("uwsgi --http :80 --wsgi-file main.py", "uwsgi", "main.py"),
        ("uv run main.py", "python", "main.py"),
    ],
)
def test_files(command: str, program: str, file: str) -> None:
    assert fields(one(command), "program", "script_file") == (program, file)


@pytest.mark.parametrize(
    "inner",
    [
        "{}", "exec {}", "nohup {} > log 2>&1", "env A=b C=d {}", "A=b {}", "poetry run {}",
        "uv run --no-dev {}", "uv run --env-file .env --with x {}", "pipenv run {}", "pdm run {}",
        "conda run --no-capture-output -n shop {}", "newrelic-admin run-program {}",
        "ddtrace-run {}", "opentelemetry-instrument --traces_exporter otlp {}",
        "dumb-init -- {}", "tini -s -- {}", "wait-for-it.sh db:5432 -t 30 -- {}",
        "./wait-for-it.sh db:5432 --timeout=30 --strict -- {}",
        "dockerize -wait tcp://db:5432 -timeout 60s {}", "timeout 30 {}", "gosu app {}",
        "sudo -u app {}", "nice -n 5 {}", "bin/start-nginx {}", "doppler run -- {}",
        "sh -c '{}'", "bash -lc '{}'", "/bin/sh -c 'exec {}'", "sleep 5 && {}", "{} | tee log",
        "cd . ; {}", "pip install x || true\n{}", "export A=b && {}", "set -e; {} \\\n  --x",
        "python -m debugpy --listen 0.0.0.0:5678 -m {}", "xvfb-run -a {}",
        "if [ -n \"$A\" ]; then echo a; fi; {}", "while ! nc -z db 5432; do sleep 1; done; {}",
        "( {} )", "f() {{ {}; }}; f", "case \"$X\" in a) true ;; *) {} ;; esac",
    ],
)  # fmt: skip
def test_what_stands_around_a_command(inner: str) -> None:
    start = one(inner.format("uvicorn shop:app --port 81"))
    assert fields(start, "program", "module", "attr", "port") == ("uvicorn", "shop", "app", 81)


@pytest.mark.parametrize(
    ("command", "port"),
    [
        ("gunicorn -b :$PORT shop:app", 0), ("gunicorn -b :${PORT:-81} shop:app", 81),
        ("PORT=82 gunicorn shop:app", 82), ("gunicorn -b unix:/run/x.sock shop:app", 0),
        ("uvicorn shop:app --port=83", 83), ("hypercorn shop:app --bind [::]:84", 84),
        ("python manage.py runserver 85", 85), ("python app.py --port 86", 86),
        ("uvicorn shop:app --port 99999", 0), ("uvicorn shop:app --port ${A:-${B:-87}}", 87),
    ],
)  # fmt: skip
def test_ports(command: str, port: int) -> None:
    assert one(command).port == port


@pytest.mark.parametrize(
    ("command", "role"),
    [
        ("celery -A shop worker", "worker"), ("celery -A shop beat", "scheduler"),
        ("celery -A shop flower", "web"), ("rq worker high", "worker"),
        ("rqscheduler", "scheduler"), ("python manage.py rqworker", "worker"),
        ("python manage.py migrate", "job"), ("python manage.py consume_all", ""),
        ("flask db upgrade", "job"),
        ("alembic upgrade head", "job"), ("npm run build", "frontend"),
        ("python -m pip install x", "job"), ("python worker.py", ""),
        ("vllm serve some/model", "web"), ("adk api_server", "web"), ("mlflow server", "web"),
    ],
)  # fmt: skip
def test_roles(command: str, role: str) -> None:
    assert one(command).role == role


@pytest.mark.parametrize(
    "command",
    ["", "   ", "pip install gunicorn uvicorn", "docker run shop gunicorn shop:app",
     "echo gunicorn shop:app", "apt-get install -y nginx", "cp a b && rm c", "# gunicorn shop:app",
     "git clone x", "cat <<EOF\ngunicorn shop:app\nEOF\n", "kill $(pgrep gunicorn)"],
)  # fmt: skip
def test_what_starts_nothing(command: str) -> None:
    assert parse(command) == ()


def test_all_commands_of_a_line_are_seen() -> None:
    worker, web = parse("flask db upgrade; celery -A s worker & cd app && exec gunicorn s:app -w 4")
    assert fields(worker, "program", "app_dir") == ("celery", ".")
    assert fields(web, "program", "app_dir") == ("gunicorn", "app")
    assert [(s.program, s.job, s.background) for s in web.steps] == [
        ("flask", "migrate", False), ("celery", "", True), ("gunicorn", "", False),
    ]  # fmt: skip


def test_a_script_before_the_server_prepares() -> None:
    assert one("python ping.py && gunicorn s:app").program == "gunicorn"
    assert [s.program for s in parse("python bot.py & gunicorn s:app")] == ["python", "gunicorn"]


def test_words_are_taken_as_they_are() -> None:
    assert one(["gunicorn", "-b", ":$PORT", "s:app"], variables={"PORT": "80"}).port == 0
    assert one("gunicorn -b :$PORT s:app", variables={"PORT": "80"}).port == 80


def test_secrets_are_not_repeated() -> None:
    start = one(
        "DATABASE_URL=postgres://me:hunter2@db/x SECRET_KEY=hunter3 vllm serve m "
        "--api-key hunter4 --x sk-hunter5hunter5hunter5"
    )
    assert "hunter" not in repr(start)
    assert masked("--password=$PASSWORD") == "--password=$PASSWORD"


def test_expansion() -> None:
    known = {"A": "x", "E": ""}
    cases = {
        "$A": "x", "${A}y": "xy", "$B": "$B", "${B:-d}": "d", "${E:-d}": "d", "${E-d}": "",
        "${A:+z}": "z", "${B:?no}": "${B:?no}", "$(nproc)": "$(nproc)", "a$": "a$", "${": "${",
        "${B:-${A}}": "x", "$$": "$$",
    }  # fmt: skip
    assert {text: shell.expand(text, known) for text in cases} == cases


def test_quotes() -> None:
    words = [t.text for t in shell.scan("""a 'b c' "d \\"e\\"" f\\ g 'x'"y"z # no""")]
    assert words == ["a", "b c", 'd "e"', "f g", "xyz"]
    lines_of = [(t.text, t.line) for t in shell.scan("a \\\n b\nc")]
    assert lines_of == [("a", 1), ("b", 2), ("\n", 2), ("c", 3)]
