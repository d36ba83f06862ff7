"""How processes start, from every kind of file that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seatrial.profiler.declared import ORIGINS, Start, compose, detect, lines
from seatrial.profiler.source import Source

App = Callable[[dict[str, str | bytes]], Source]
FLASK = "from flask import Flask\napp = Flask(__name__)\n"


def fields(start: Start, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(start, name) for name in names)


ENTRYPOINT = """#!/bin/bash
set -e
worker() {
  exec celery -A shop worker
}
case "$1" in
  worker) shift; worker ;;
  web)
    flask db upgrade
    exec gunicorn -b :8000 shop:app
    ;;
  *) exec "$@" ;;
esac
"""


@pytest.mark.parametrize(
    ("command", "program", "line"),
    [
        ('["web"]', "gunicorn", 10),
        ('["worker"]', "celery", 4),
        ('["uvicorn", "shop:app"]', "uvicorn", 12),
    ],
)
def test_an_entrypoint_runs_the_branch_of_its_command(
    app: App, command: str, program: str, line: int
) -> None:
    docker = f'FROM python\nWORKDIR /app\nCOPY . .\nENTRYPOINT ["./run.sh"]\nCMD {command}\n'
    (start,) = detect(app({"shop.py": FLASK, "run.sh": ENTRYPOINT, "Dockerfile": docker}))
    assert fields(start, "program", "file", "line") == (program, "run.sh", line)
    assert fields(start, "origin", "declared_in", "waits") == ("Dockerfile", "Dockerfile", False)


def test_scripts_that_call_each_other_end(app: App) -> None:
    source = app({"a.py": "", "a.sh": "./b.sh; gunicorn a:app\n", "b.sh": "./a.sh\n",
                  "Procfile": "web: ./a.sh\n"})  # fmt: skip
    (start,) = detect(source)
    assert fields(start, "program", "file", "line") == ("gunicorn", "a.sh", 1)


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("make run", {"Makefile": "M = shop\nrun:\n\t@uvicorn $(M):app --port 80\n"}),
        ("npm start", {"package.json": '{"scripts": {"start": "uvicorn shop:app --port 80"}}'}),
        ("honcho start", {"procs/x.py": "", "Makefile": "x:\n"}),
        ("supervisord -n -c super.conf",
         {"super.conf": "[program:web]\ncommand=uvicorn shop:app --port 80 ; x\n"}),
        ("bash start.sh", {"start.sh": "uvicorn shop:app --port 80\n"}),
        ("pdm run serve",
         {"pyproject.toml": '[tool.pdm.scripts]\nserve = "uvicorn shop:app --port 80"\n'}),
        ("poe serve",
         {"pyproject.toml": '[tool.poe.tasks.serve]\ncmd = "uvicorn shop:app --port 80"\n'}),
        ("just serve", {"justfile": "serve:\n    uvicorn shop:app --port 80\n"}),
    ],
)  # fmt: skip
def test_commands_that_lead_to_another_file(
    app: App, command: str, files: dict[str, str | bytes]
) -> None:
    if command == "honcho start":
        files = {"Procfile": "web: uvicorn shop:app --port 80\n"}
    source = app(
        {"shop.py": FLASK, "railway.toml": f'[deploy]\nstartCommand = "{command}"\n', **files}
    )
    start = next(s for s in detect(source) if s.origin == "railway")
    assert fields(start, "program", "module", "port") == ("uvicorn", "shop", 80)
    assert start.declared_in == "railway.toml" and start.file != "railway.toml"


DOCKERFILES = [
    ("FROM python\nWORKDIR /app\nCOPY . .\nCMD gunicorn shop.web:app\n", "."),
    ('FROM python\nWORKDIR /code\nCOPY ./shop /code/shop\nCMD ["gunicorn", "shop.web:app"]\n', "."),
    ("FROM python\nCOPY shop /srv/shop\nWORKDIR /srv\nCMD gunicorn shop.web:app\n", "."),
    ("FROM python\nCOPY . /srv/\nCMD cd /srv && gunicorn shop.web:app\n", "."),
    ("FROM python\nCOPY shop /srv\nWORKDIR /srv\nCMD gunicorn web:app\n", "shop"),
    ("FROM python\nCOPY shop /srv\nENV PYTHONPATH=/srv\nCMD gunicorn web:app\n", "shop"),
    ("FROM python\nWORKDIR /x\nCOPY . .\nCMD gunicorn --chdir shop web:app\n", "shop"),
    (
        "FROM a AS b\nCOPY . /x\nFROM python\nCOPY --from=b /x /y\nWORKDIR /y\n"
        "CMD gunicorn shop.web:app\n",
        ".",
    ),
    (
        "FROM python AS b\nWORKDIR /y\nCOPY . .\nFROM b\n"
        "CMD gunicorn \\\n  # why\n  shop.web:app\n",
        ".",
    ),
]


@pytest.mark.parametrize(("text", "folder"), DOCKERFILES)
def test_paths_in_an_image_lead_back_to_the_app(app: App, text: str, folder: str) -> None:
    source = app({"shop/__init__.py": "", "shop/web.py": FLASK, "Dockerfile": text})
    (start,) = detect(source)
    assert fields(start, "program", "attr", "app_dir") == ("gunicorn", "app", folder)
    assert f"{folder}/{start.module}".endswith(("shop.web", "shop/web"))


def test_a_dockerfile_in_a_folder_is_built_where_its_files_are(app: App) -> None:
    files: dict[str, str | bytes] = {
        "api/main.py": FLASK,
        "web/main.py": FLASK,
        "requirements.txt": "",
        "docker/api.Dockerfile": "FROM python\nCOPY requirements.txt .\n"
        "COPY api /api\nWORKDIR /api\n"
        'CMD ["gunicorn", "main:app"]\n',
        "web/Dockerfile": "FROM python\nWORKDIR /x\nCOPY . .\nEXPOSE 81\n"
        'CMD ["gunicorn", "main:app"]\n',
    }
    starts = {start.declared_in: start for start in detect(app(files))}
    assert starts["docker/api.Dockerfile"].app_dir == "api"
    assert starts["docker/api.Dockerfile"].process == "api"
    assert fields(starts["web/Dockerfile"], "app_dir", "port") == ("web", 81)


@pytest.mark.parametrize(
    ("end", "waits"),
    [
        ("CMD gunicorn s:app", True), ("CMD exec gunicorn s:app", False),
        ('CMD ["gunicorn", "s:app"]', False), ('CMD ["sh", "-c", "gunicorn s:app"]', True),
        ('CMD ["bash", "-c", "true && gunicorn s:app"]', False),
        ('CMD ["bash", "-c", "gunicorn s:app; true"]', True),
        ('SHELL ["/bin/bash", "-c"]\nCMD gunicorn s:app', False),
        ('CMD ["./x.sh"]', True), ('ENTRYPOINT ["dumb-init", "--"]\nCMD ["./x.sh"]', False),
        ('CMD ["./y.sh"]', False), ('CMD ["./trap.sh"]', False),
    ],
)  # fmt: skip
def test_who_gets_the_signal(app: App, end: str, waits: bool) -> None:
    files: dict[str, str | bytes] = {
        "s.py": FLASK, "x.sh": "#!/bin/sh\ngunicorn s:app\n", "y.sh": "exec gunicorn s:app\n",
        "trap.sh": "trap 'kill $!' TERM\ngunicorn s:app\n",
        "Dockerfile": f"FROM python\nWORKDIR /app\nCOPY . .\n{end}\n",
    }  # fmt: skip
    (start,) = detect(app(files))
    assert start.waits == waits


COMPOSE = """
x-base: &base
  build: .
  environment: {PYTHONPATH: src}
services:
  web:
    <<: *base
    command: uvicorn shop:app --host 0.0.0.0
    ports: ["8080:81"]
  worker:
    <<: *base
    command: ["celery", "-A", "shop", "worker"]
  db:
    image: postgis/postgis:16-3.4
  cache:
    image: ${REGISTRY:-docker.io}/valkey/valkey
  other:
    image: nobody/knows
"""


def test_compose(app: App) -> None:
    source = app({"src/shop.py": FLASK, "Dockerfile": "FROM python\nWORKDIR /app\nCOPY . .\n",
                  "compose.yaml": COMPOSE})  # fmt: skip
    web, worker = detect(source)
    assert fields(web, "process", "app_dir", "port", "line") == ("web", "src", 81, 8)
    assert fields(worker, "process", "role", "app_dir") == ("worker", "worker", "src")
    images = {image.service: (image.kind, image.line) for image in compose.services(source)}
    assert images == {"db": ("postgresql", 14), "cache": ("redis", 16), "other": (None, 18)}


FILES: list[tuple[str, str, str]] = [
    ("Procfile", "web: gunicorn shop:app\n", "Procfile"),
    ("pyproject.toml", '[tool.fastapi]\nentrypoint = "shop:app"\n', "tool.fastapi"),
    ("pyproject.toml", '[tool.vercel]\nentrypoint = "shop:app"\n', "tool.vercel"),
    ("railway.json", '{"deploy": {"startCommand": "gunicorn shop:app"}}', "railway"),
    ("railpack.json", '{"deploy": {"startCommand": "gunicorn shop:app"}}', "railpack"),
    ("nixpacks.toml", '[start]\ncmd = "gunicorn shop:app"\n', "nixpacks"),
    ("fly.toml", '[processes]\napp = "gunicorn shop:app"\n', "fly.toml"),
    ("render.yaml", "services:\n- type: web\n  startCommand: gunicorn shop:app\n", "render.yaml"),
    ("app.yaml", "runtime: python311\nentrypoint: gunicorn shop:app\n", "app.yaml"),
    (".do/app.yaml", "services:\n- name: web\n  run_command: gunicorn shop:app\n", "digitalocean"),
    ("heroku.yml", "run:\n  web: gunicorn shop:app\n", "heroku.yml"),
    ("apprunner.yaml", "run:\n  command: gunicorn shop:app\n", "apprunner.yaml"),
    (
        "captain-definition",
        '{"dockerfileLines": ["FROM python", "WORKDIR /a", "COPY . .", "CMD gunicorn shop:app"]}',
        "captain-definition",
    ),
    ("Dockerfile", "FROM python\nWORKDIR /a\nCOPY . .\nCMD gunicorn shop:app\n", "Dockerfile"),
    ("startup.sh", "gunicorn shop:app\n", "azure"),
    ("startup.txt", "gunicorn shop:app\n", "azure"),
    ("vercel.json", '{"builds": [{"src": "shop.py", "use": "@vercel/python"}]}', "vercel.json"),
    (
        "docker-compose.yml",
        "services:\n  web:\n    build: .\n    command: gunicorn shop:app\n",
        "compose",
    ),
    (
        "gunicorn.conf.py",
        "import os\nwsgi_app = 'shop:app'\nbind = ':' + os.getenv('P', '80')\n",
        "gunicorn.conf.py",
    ),
    ("uwsgi.ini", "[uwsgi]\nmodule = shop:app\nhttp = :80\n", "uwsgi.ini"),
    ("langgraph.json", '{"graphs": {"agent": "./shop.py:graph"}}', "langgraph.json"),
    ("deploy/supervisord.conf", "[program:web]\ncommand=gunicorn shop:app\n", "supervisord"),
    ("deploy/shop.service", "[Service]\nExecStart=/venv/bin/gunicorn shop:app\n", "systemd"),
    (".flaskenv", "FLASK_APP=shop.py\n", "FLASK_APP"),
    (".env", "SECRET=x\nexport FLASK_APP='shop:app' # c\n", "FLASK_APP"),
    (".env", "DJANGO_SETTINGS_MODULE=shop.settings\n", "DJANGO_SETTINGS_MODULE"),
    ("Makefile", "APP = shop:app\nrun: x\n\tgunicorn $(APP)\n", "Makefile"),
    ("justfile", "run port='80':\n  gunicorn shop:app\n", "justfile"),
    ("Taskfile.yml", "tasks:\n  run:\n    cmds:\n      - gunicorn shop:app\n", "Taskfile"),
    (
        "package.json",
        '{"scripts": {"start": "gunicorn shop:app", "build": "vite build"}}',
        "package.json",
    ),
    ("pyproject.toml", '[tool.taskipy.tasks]\nrun = "gunicorn shop:app"\n', "tasks"),
    ("pyproject.toml", '[project.scripts]\nshop = "shop:app"\n', "scripts"),
    ("pyproject.toml", '[tool.poetry.scripts]\nshop = "shop:app"\n', "scripts"),
    ("setup.cfg", "[options.entry_points]\nconsole_scripts =\n    shop = shop:app\n", "scripts"),
    ("setup.py", "setup(entry_points={'console_scripts': ['shop=shop:app']})\n", "scripts"),
    ("README.md", "# Shop\n```bash\n$ gunicorn shop:app\n```\n", "README"),
]


@pytest.mark.parametrize(("path", "text", "origin"), FILES)
def test_every_kind_of_file(app: App, path: str, text: str, origin: str) -> None:
    source = app({"shop.py": FLASK, path: text})
    (start,) = detect(source)
    assert fields(start, "origin", "declared_in") == (origin, path)
    assert start.strength == ORIGINS[origin] or start.dev
    assert start.module == "shop" or start.script_file == "shop.py" or "SETTINGS" in origin
    assert detect(source, hide=frozenset({origin})) == ()
    assert start.line or origin == "vercel.json" or path.startswith("captain")


def test_every_origin_is_tested() -> None:
    assert {origin for _, _, origin in FILES} == set(ORIGINS) - {"launch.json"}


def test_what_an_editor_starts() -> None:
    text = (
        '{\n  // a comment\n  "configurations": [\n    {"type": "debugpy", "name": "web",\n'
        '     "module": "gunicorn", '
        '"cwd": "${workspaceFolder}/api",\n     "args": ["shop:app"],}\n  ]\n}\n'
    )
    (line,) = lines.launch_json(text)
    assert (line.command, line.folder) == (("python", "-m", "gunicorn", "shop:app"), "api")
    assert (line.dev, line.line) == (True, 4)


def test_the_order_of_strength(app: App) -> None:
    files: dict[str, str | bytes] = {
        "shop.py": FLASK,
        "api/shop.py": FLASK,
        "README.md": "```\nflask --app shop run\n```\n",
        "Procfile": "worker: rq worker\nrelease: flask db upgrade\nweb: gunicorn shop:app\n",
        "Procfile.dev": "web: flask --app shop run\n",
        "api/Procfile": "web: gunicorn shop:app\n",
        "Makefile": "dev:\n\tuvicorn shop:app --reload\nserve:\n\tuvicorn shop:app\n",
        "fly.toml": '[processes]\napp = "gunicorn shop:app"\n',
        "pyproject.toml": '[project.scripts]\ns = "shop:app"\n',
        "tests/Procfile": "web: gunicorn no:no\n",
        "examples/x/Dockerfile": "FROM x\nCMD gunicorn no:no\n",
    }
    found = [(s.declared_in, s.process) for s in detect(app(files))]
    assert found == [
        ("Procfile", "web"),
        ("Procfile", "worker"),
        ("api/Procfile", "web"),
        ("fly.toml", "app"),
        ("Makefile", "serve"),
        ("Procfile.dev", "web"),
        ("Makefile", "dev"),
        ("pyproject.toml", "s"),
        ("README.md", ""),
        ("Procfile", "release"),
    ]


def test_a_readme_tells_only_of_what_is_there(app: App) -> None:
    text = "```\nuvicorn other:app\npython missing.py\n├── shop.py\npython shop.py\n```\n"
    (start,) = detect(app({"shop.py": FLASK, "README.md": text}))
    assert start.script_file == "shop.py"


def test_gunicorn_takes_the_rest_from_its_configuration(app: App) -> None:
    conf = (
        "import os\nworkers = int(os.environ.get('W', 3))\nbind = '0.0.0.0:81'\n"
        "timeout = 90\nkeepalive = f()\n"
    )
    source = app(
        {"shop.py": FLASK, "gunicorn.conf.py": conf, "Procfile": "web: gunicorn -t 5 shop:app\n"}
    )
    (start,) = detect(source)
    assert (start.port, start.option("workers"), start.option("timeout")) == (81, "3", "5")
    assert (start.option("config"), start.option("keepalive")) == ("gunicorn.conf.py", "f()")
