"""No command line, file or folder is too strange to be read, and none takes for ever."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.profiler.declared import (
    ORIGINS,
    compose,
    detect,
    dockerfile,
    lines,
    parse,
    platforms,
    project,
)
from seatrial.profiler.declared import yaml_lines as yaml
from seatrial.profiler.declared.wrappers import unwrap
from seatrial.profiler.source import Source

KINDS = (
    "Procfile", "Dockerfile", "docker-compose.yml", "Makefile", "app.yaml", "railway.json",
    "railway.toml", "nixpacks.toml", "fly.toml", "render.yaml", "heroku.yml", "package.json",
    "captain-definition", "startup.sh", "vercel.json", "gunicorn.conf.py", "uwsgi.ini", "setup.py",
    "langgraph.json", "supervisord.conf", "shop.service", ".flaskenv", ".env", "justfile",
    "Taskfile.yml", "pyproject.toml", "setup.cfg", "README.md", ".do/app.yaml", "run.sh", "x.sh",
)  # fmt: skip
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
TEXT = st.text(max_size=300) | st.text(
    alphabet="ab $(){}[]<>|&;'\"`\\\n\t#=:-/.@*!?,~%", max_size=300
)
SHELL = st.lists(
    st.sampled_from(
        ["gunicorn", "a:b", "sh", "-c", "case", "in", "esac", ";;", "if", "then", "fi", "for", "do",
         "done", "f()", "{", "}", "(", ")", "&&", "|", "&", ";", "\n", "${A:-", "$(", "`", "'", '"',
         "exec", "python", "-m", "flask", "run", "celery", "-A", "uvicorn", "--port", "<<EOF",
         "env", "A=b", "cd", "..", "$@", "uwsgi", "--ini", "poetry", "uv", "manage.py", "\\\n",
         "set", "--", "shift", "f", "time", "npm", "make", "./x.sh", "trap", "wait", "function"]
    ), max_size=40,
).map(" ".join)  # fmt: skip
YAML = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["gunicorn a:b", ".", "x.py"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "services",
                    "build",
                    "command",
                    "image",
                    "run",
                    "web",
                    "entrypoint",
                    "ports",
                    "environment",
                    "deploy",
                    "startCommand",
                    "processes",
                    "tasks",
                    "cmds",
                    "volumes",
                    "context",
                    "type",
                    "graphs",
                    "scripts",
                    "builds",
                    "src",
                    "configurations",
                    "args",
                    "dockerfileLines",
                    "spec",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(TEXT | SHELL)
def test_no_text_of_a_command_is_too_strange(text: str) -> None:
    for start in (*parse(text), *parse(text.split())):
        assert 0 <= start.port < 65_536
        assert len(start.steps) <= 60
        assert "\n" not in start.command


@settings(deadline=None)
@given(TEXT | SHELL | YAML.map(json.dumps))
def test_no_text_of_a_file_is_too_strange(text: str) -> None:
    for reader in (
        lines.procfile, lines.makefile, lines.justfile, lines.package_json, lines.supervisor,
        lines.systemd, lines.readme, lines.launch_json, lines.variables, platforms.taskfile,
        platforms.azure, *(reader for _, reader in platforms.READERS.values()),
    ):  # fmt: skip
        for found in reader(text):  # type: ignore[operator]
            assert found is not None
    for read in (project.pyproject, project.setup_cfg, project.setup_py, platforms.captain):
        assert read(text) is not None
    list(compose.own(text, "x/compose.yml"))
    stage = dockerfile.read("FROM x\n" + text)
    assert stage is not None and stage.start() != ()
    assert unwrap(text.split()) is not None


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(KINDS),
                          TEXT | SHELL | YAML.map(json.dumps)), max_size=4))  # fmt: skip
def test_no_folder_is_too_strange(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, str]]
) -> None:
    root = tmp_path_factory.mktemp("app")
    (root / "shop.py").write_text(FLASK)
    (root / "Procfile").write_text("web: ./run.sh\nworker: make run\n")
    for name, text in files:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    source = Source.open(root)
    for start in detect(source):
        assert start.origin in ORIGINS
    assert isinstance(compose.services(source), tuple)


def test_a_yaml_bomb_stays_small() -> None:
    layers = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    text = "a0: &a0 [x]\n" + "\n".join(layers) + "\nservices:\n  <<: *a39\n  web: *a39\n"
    assert [service.service for service in compose.own(text, "c.yml")] == []
    assert yaml.load("&a [*a]").items[0].line == 1
    assert not yaml.load("[" * 50_000) and not yaml.load("x: " + "y" * 300_000)


@pytest.mark.parametrize(
    "text",
    [
        "${" * 20_000,
        "$(" * 20_000,
        "`" * 20_000,
        '"' * 20_001,
        "case x in " * 2_000,
        "a=$a$a$a;" * 2_000,
        "f() { f; f; }; f;" * 500,
        "sh -c " * 5_000,
        "env " * 20_000,
        "A=b " * 20_000,
        "\\\n" * 20_000,
        "<<a " * 5_000,
        "(" * 20_000,
        "${" * 250 + "}" * 9_000,
        "{ " * 20_000,
        "x" * 1_000_000,
        "for a in b; do " * 3_000,
        "sh -c '" + 'sh -c "' * 3_000,
        " ".join(["gunicorn"] * 20_000),
    ],
)
def test_hostile_commands_end(text: str) -> None:
    assert len(parse(text)) <= 20
