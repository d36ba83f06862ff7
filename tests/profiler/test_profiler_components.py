"""Background components: what is declared, what the source tells, and the two put together."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.kernel.workload import Component, Dependency, Proof
from seatrial.profiler import components
from seatrial.profiler.components import frontend, scripts, servers
from seatrial.profiler.components.draft import Draft
from seatrial.profiler.components.servers import draft as model_server
from seatrial.profiler.declared.start import Start, Step
from seatrial.profiler.source import Source

Write = Callable[[dict[str, Any]], Source]
CELERY = "from celery import Celery\napp = Celery('shop')\n"


class Installed:
    def __init__(self, *names: str) -> None:
        proof = Proof(kind="declared", rule="dependency", file="requirements.txt", line=1)
        self.dependencies = tuple(Dependency(name=name, proof=proof) for name in names)


def start(process: str, command: str, **fields: Any) -> Start:
    """A declared start as the readers make it, for the fields a test is about."""
    words = tuple(shlex.split(command))
    given: dict[str, Any] = {
        "program": words[0], "file": "Procfile", "line": 1, "origin": "Procfile",
        "declared_in": fields.get("file", "Procfile"),
        "steps": (Step(words=words, program=words[0]),), **fields,
    }  # fmt: skip
    return Start(process=process, command=command, **given)


def celery(process: str, command: str, **fields: Any) -> Start:
    sub = next(word for word in ("worker", "beat", "flower") if word in command)
    role = {"worker": "worker", "beat": "scheduler", "flower": "web"}[sub]
    options = (("command", sub), *fields.pop("options", ()))
    return start(process, command, role=role, module="tasks", options=options, **fields)


def detect(
    source: Source, *starts: Start, paths: tuple[str, ...] = (), names: tuple[str, ...] = ()
) -> tuple[Component, ...]:
    return components.detect(source, starts, paths, Installed(*names))


def rules(component: Component) -> set[str]:
    return {one.rule for one in component.facts}


def test_an_app_without_any_has_none(app: Write) -> None:
    assert detect(app({"app.py": "x = 1\n"})) == ()


def test_declared_and_found_are_one(app: Write) -> None:
    source = app({"tasks.py": CELERY + "@app.task\ndef mail(): ...\n"})
    (worker,) = detect(source, celery("mailer", "celery -A tasks worker"))
    assert (worker.name, worker.entry, worker.kind) == ("mailer", "tasks:app", "worker")
    assert worker.command == ("celery", "-A", "tasks", "worker")
    assert {"worker.declared", "worker.tasks"} <= rules(worker)
    assert "worker.found" not in rules(worker)
    assert components.entry_path(source, worker) == "tasks.py"


def test_another_file_that_declares_the_same_adds_nothing(app: Write) -> None:
    source = app({"tasks.py": CELERY})
    first = celery("worker", "celery -A tasks worker", strength=9)
    again = celery("queue", "celery -A tasks worker -l debug", file="compose.yaml", strength=1)
    dev = celery("dev", "celery -A tasks worker --autoreload", dev=True, strength=20)
    assert [one.name for one in detect(source, dev, again, first)] == ["worker"]
    assert [one.name for one in detect(source, dev)] == ["dev"]


def test_a_scheduler_is_added_to_a_declared_worker(app: Write) -> None:
    source = app({"tasks.py": CELERY + "app.conf.beat_schedule = {'a': {}}\n"})
    alone = detect(source, celery("worker", "celery -A tasks worker"))
    assert [(one.name, one.kind) for one in alone] == [("worker", "worker"), ("beat", "scheduler")]
    inside = celery("worker", "celery -A tasks worker -B", options=(("beat", ""),))
    (worker,) = detect(source, inside)
    assert "worker.beat-embedded" in rules(worker)
    both = detect(
        source, celery("worker", "celery -A tasks worker"), celery("clock", "celery -A tasks beat")
    )
    assert [one.name for one in both] == ["worker", "clock"]
    assert "scheduler.single" in rules(both[1])


@pytest.mark.parametrize(
    "value",
    ["None", "os.environ.get('EAGER')", "False"],
)
def test_eager_only_when_it_is_true(app: Write, value: str) -> None:
    source = app({"tasks.py": f"import os\n{CELERY}app.conf.task_always_eager = {value}\n"})
    assert "worker.always-eager" not in rules(detect(source)[0])


def test_an_address_is_never_repeated(app: Write) -> None:
    made = "app.conf.result_backend = 'redis://user:not-a-password@host/0'\n"
    (worker,) = detect(app({"tasks.py": CELERY + made}))
    told = next(one for one in worker.facts if one.subject == "result_backend")
    assert told.value == "redis" and "not-a-password" not in str(worker)


def test_an_object_named_with_dots_is_no_disagreement(app: Write) -> None:
    source = app({"shop/__init__.py": "", "shop/jobs.py": CELERY,
                  "shop/main.py": "from shop.jobs import app as queue\n"})  # fmt: skip
    told = celery("worker", "celery -A shop.main.queue worker")
    (worker,) = detect(source, Start(**{
        **{name: getattr(told, name) for name in told.__struct_fields__},
        "module": "shop.main.queue",
    }))  # fmt: skip
    assert worker.entry == "shop.main:queue" and "worker.disagrees" not in rules(worker)
    assert components.entry_path(source, worker) == "shop/main.py"


def test_names_are_unique_and_plain(app: Write) -> None:
    source = app({"a.py": "while True: pass\n", "b.py": "while True: pass\n"})
    found = detect(
        source,
        start("My Worker!", "python a.py", program="python", script_file="a.py"),
        start("my-worker", "python b.py", program="python", script_file="b.py"),
    )
    assert len({one.name for one in found}) == 2
    assert all(one.name.replace("-", "").isalnum() for one in found)


@pytest.mark.parametrize("name", ["web", "release", "migrate", "build-assets"])
def test_a_script_that_ends_or_serves_is_no_worker(app: Write, name: str) -> None:
    source = app({"a.py": "print(1)\n"})
    assert detect(source, start(name, "python a.py", program="python", script_file="a.py")) == ()


def test_a_command_with_variables_goes_through_a_shell(app: Write) -> None:
    source = app({"tasks.py": CELERY})
    (worker,) = detect(source, celery("worker", "celery -A tasks worker -c $N"))
    assert worker.command == ("sh", "-c", "exec celery -A tasks worker -c $N")


def test_what_the_app_runs_itself_is_not_told_again(app: Write) -> None:
    bot = "import discord\nbot = discord.Client()\nbot.run('t')\n"
    source = app({"bot.py": bot})
    assert [one.framework for one in detect(source)] == ["discord"]
    assert detect(source, paths=("bot.py",)) == ()
    (found,) = [one for one in scripts.detect(source) if one.bot]
    assert (found.path, found.line, found.framework, found.runs) == ("bot.py", 3, "discord", True)
    assert found.confidence >= 0.9


@pytest.mark.parametrize(
    ("code", "framework"),
    [
        ("from aiogram import Bot, Dispatcher\nd = Dispatcher()\n"
         "if __name__ == '__main__':\n    d.start_polling(Bot('t'))\n", "aiogram"),
        ("import telebot\nb = telebot.TeleBot('t')\nb.infinity_polling()\n", "telebot"),
        ("from slack_bolt import App\n"
         "from slack_bolt.adapter.socket_mode import SocketModeHandler\n"
         "SocketModeHandler(App(), 't').start()\n", "slack"),
        ("from pyrogram import Client\napp = Client('x')\napp.run()\n", "pyrogram"),
        ("import discord\nclass B(discord.Client):\n    pass\nB().run('t')\n", "discord"),
        ("import discord\nprint(discord.__version__)\n", ""),
        ("import discord\ndef colour():\n    return discord.Color.red()\n", ""),
        ("from telegram import Bot\nBot('t').send_message(1, 'x')\n", ""),
        ("import asyncio\nimport discord\nasync def main(): ...\nasyncio.run(main())\n", ""),
    ],
)  # fmt: skip
def test_bots(app: Write, code: str, framework: str) -> None:
    found = [one for one in scripts.detect(app({"main.py": code})) if one.bot]
    assert [one.framework for one in found] == ([framework] if framework else [])


@pytest.mark.parametrize(
    ("code", "framework"),
    [
        ("from kafka import KafkaConsumer\nconsumer = KafkaConsumer('a')\n"
         "for message in consumer:\n    print(message)\n", "kafka"),
        ("from confluent_kafka import Consumer\nc = Consumer({})\nwhile True:\n    c.poll(1)\n",
         "kafka"),
        ("from confluent_kafka import Producer\np = Producer({})\np.poll(0)\n", ""),
        ("import boto3\nboto3.client('sqs').receive_message()\n", ""),
        ("import redis\nr = redis.Redis()\nwhile True:\n    r.blpop('jobs')\n", "redis"),
        ("import redis\nr = redis.Redis()\nr.set('a', 1)\n", ""),
        ("from apscheduler.schedulers.blocking import BlockingScheduler\n"
         "def make():\n    BlockingScheduler().start()\n", ""),
    ],
)  # fmt: skip
def test_loops(app: Write, code: str, framework: str) -> None:
    found = detect(app({"main.py": code}))
    assert [one.framework for one in found] == ([framework] if framework else [])


@pytest.mark.parametrize(
    ("command", "framework", "entry", "port"),
    [
        ("vllm serve a/b --port 9", "vllm", "a/b", 8000),
        ("python -m vllm.entrypoints.openai.api_server --model=a/b", "vllm", "a/b", 8000),
        ("ollama serve", "ollama", "ollama", 11434),
        ("tritonserver --model-repository /models", "triton", "/models", 8000),
        ("bentoml serve service:svc", "bentoml", "service:svc", 3000),
        ("mlflow models serve -m models:/x/1", "mlflow", "models:/x/1", 5000),
        ("python -m llama_cpp.server --model m.gguf", "llama-cpp", "m.gguf", 8080),
        ("mlflow ui", "", "", 0),
        ("vllm --help", "", "", 0),
        ("python -m", "", "", 0),
        ("", "", "", 0),
    ],
)
def test_model_servers(command: str, framework: str, entry: str, port: int) -> None:
    made: Draft | None = model_server(
        Start(process="llm", command=command, file="Procfile"), shlex.split(command)
    )
    told = (made.framework, made.entry, made.port) if made else ("", "", 0)
    assert told == (framework, entry, port)


def test_every_model_server_has_a_port_of_its_own_documentation() -> None:
    assert all(0 < one.port < 65536 and one.programs for one in servers.servers())


def package(**fields: Any) -> str:
    return json.dumps({"scripts": {"build": "x", "start": "y"}, **fields})


@pytest.mark.parametrize(
    ("needs", "framework", "port"),
    [
        (["next", "react"], "next", 3000), (["nuxt", "vue"], "nuxt", 3000),
        (["@sveltejs/kit", "vite", "svelte"], "sveltekit", 3000), (["astro"], "astro", 0),
        (["@angular/core"], "angular", 0), (["react-scripts", "react"], "create-react-app", 0),
        (["vite", "vue"], "vite-vue", 0), (["webpack", "react"], "webpack-react", 0),
        (["react"], "", 0), (["tailwindcss"], "", 0), (["expo", "react", "vite"], "", 0),
        (["vitepress", "vite", "vue"], "", 0),
    ],
)  # fmt: skip
def test_frontends(app: Write, needs: list[str], framework: str, port: int) -> None:
    data = package(dependencies=dict.fromkeys(needs, "*"))
    source = app({"app.py": "", "ui/package.json": data, "ui/index.html": "", "ui/yarn.lock": ""})
    found = detect(source)
    assert [(one.framework, one.port) for one in found] == ([(framework, port)] * bool(framework))
    assert all(one.command[0] == "yarn" and one.entry == "ui" for one in found)


def test_a_workspace_has_its_lock_file_further_up(app: Write) -> None:
    source = app({
        "app.py": "", "pnpm-lock.yaml": "", "apps/ui/package.json":
        package(dependencies={"next": "*"}), "apps/ui/node_modules/x/package.json": package(),
    })  # fmt: skip
    (found,) = detect(source)
    assert found.command == ("pnpm", "run", "start") and "frontend.no-lockfile" not in rules(found)


def test_an_output_folder_named_by_vite(app: Write) -> None:
    source = app({
        "app.py": "from fastapi import FastAPI\nfrom fastapi.staticfiles import StaticFiles\n"
        "app = FastAPI()\napp.mount('/', StaticFiles(directory='static/ui', html=True))\n",
        "ui/package.json": package(dependencies={"vite": "*", "react": "*"}), "ui/index.html": "",
        "ui/vite.config.ts": "export default { build: { outDir: '../static/ui' } }",
    })  # fmt: skip
    (found,) = detect(source)
    told = {one.rule: one.subject for one in found.facts}
    assert told["frontend.build"] == told["frontend.served-by-app"] == "static/ui"


@given(st.text(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["scripts", "dependencies", "devDependencies", "engines", "build", "start",
                         "next", "vite", "react", "packageManager", "node"]), inner, max_size=4),
    max_leaves=12,
).map(json.dumps))  # fmt: skip
def test_any_package_json_is_taken(text: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.py").touch()
        (Path(folder) / "package.json").write_text(text, encoding="utf-8", errors="replace")
        found = frontend.detect(Source.open(Path(folder)), ())
    for one in found:
        assert one.kind == "frontend" and one.command[0] in ("npm", "yarn", "pnpm", "bun")
