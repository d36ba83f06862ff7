"""What the small apps cannot say of time: tables, sums, frameworks by their server, bad input."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import streaming, time, timeouts
from seatrial.profiler.detectors.origins import DEPTH_MAX, origin_of
from seatrial.profiler.detectors.slow_calls import model_name, package_of, tables
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]
KINDS = ("llm", "inference", "heavy", "blocking", "database")


def part(source: Source, framework: str, *, entry: str = "app:app", kind: str = "web") -> Part:
    return Part(
        source=source, name="web", kind=kind, framework=framework, entry=entry,  # type: ignore[arg-type]
        paths=source.python_files, dependencies={},
    )  # fmt: skip


def told(facts: list[Fact]) -> set[tuple[str, str, int]]:
    return {(fact.rule, fact.subject, fact.proof.line) for fact in facts}


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_of_the_tables_is_found(kind: str) -> None:
    for package, calls in tables()[kind].items():
        for call in calls:
            made = {"inference": "torch.load" if package == "torch" else f"{package}.Thing"}
            origin = f"{made.get(kind, f'{package}.Thing')}()"
            name = origin if call == "__call__" else f"{origin}.{call}"
            assert package_of(name, kind) in (package, package.split(".")[0]), name
            assert model_name(name).startswith(package.split(".")[0])


@pytest.mark.parametrize("origin", [
    "", "@openai.OpenAI().chat.completions.create", "openai", "openaix.OpenAI().responses.create",
    "langchain_core.prompts.ChatPromptTemplate.from_template().invoke",
    "langchain_chroma.Chroma().as_retriever().invoke", "langchain_openai.OpenAIEmbeddings().invoke",
    "openai.OpenAI().embeddings.create", "anthropic.Anthropic().messages.count_tokens",
])  # fmt: skip
def test_what_asks_no_model(origin: str) -> None:
    assert package_of(origin, "llm") == ""


@pytest.mark.parametrize("origin", [
    "torch.tensor", "torch.nn.Softmax()", "transformers.AutoTokenizer.from_pretrained()",
    "transformers.AutoProcessor.from_pretrained()", "sklearn.model_selection.train_test_split",
])  # fmt: skip
def test_what_is_no_inference(origin: str) -> None:
    assert package_of(origin, "inference") == ""


@pytest.mark.parametrize("origin", [
    "torch.nn.Module().__call__", "torch.jit.load()", "transformers.pipeline()",
    "transformers.AutoModel.from_pretrained().generate", "joblib.load().predict",
])  # fmt: skip
def test_what_is_inference(origin: str) -> None:
    assert package_of(origin, "inference")


# The sums were taken from tenacity itself: its wait objects, asked for each attempt.
@pytest.mark.parametrize(("arguments", "words"), [
    ("stop=stop_after_attempt(4), wait=wait_exponential(multiplier=1, min=4, max=10)",
     "4 attempts, at most 12 s between them in all"),
    ("stop=stop_after_attempt(5), wait=wait_fixed(3)", "5 attempts, at most 12 s"),
    ("stop=stop_after_attempt(6), wait=wait_exponential()", "6 attempts, at most 31 s"),
    ("stop=stop_after_attempt(8), wait=wait_exponential(2, max=20)", "8 attempts, at most 90 s"),
    ("stop=stop_after_attempt(5), wait=wait_exponential(max=60) + wait_fixed(1)",
     "5 attempts, at most 19 s"),
    ("stop=stop_after_delay(30)", "none after 30 s"),
    ("stop=stop_after_attempt(3) | stop_after_delay(9)", "3 attempts, at most 0 s"),
    ("stop=stop_after_attempt(LIMIT)", "a limit that is not constant"),
])  # fmt: skip
def test_retries_of_tenacity_add_up(app: Write, arguments: str, words: str) -> None:
    source = app({"app.py": f"from tenacity import *\nimport tenacity\n\n\n"
                            f"@tenacity.retry({arguments})\ndef ask():\n    pass\n"})  # fmt: skip
    (fact,) = timeouts.detect(part(source, "flask"))
    assert fact.rule == "time.retries" and words in fact.value


def test_retries_without_end_are_no_danger_where_nobody_waits(app: Write) -> None:
    source = app({"app.py": "from tenacity import retry\n\n\n@retry\ndef ask():\n    pass\n"})
    assert not list(timeouts.detect(part(source, "flask")))


ASYNC_VIEW = """
import requests
from django.urls import path


async def index(request):
    return requests.get("https://a.example.com", timeout=3)


urlpatterns = [path("", index)]
"""


@pytest.mark.parametrize(("server", "danger"), [("asgi", True), ("wsgi", False)])
def test_async_views_of_django_share_a_loop_behind_asgi_only(
    app: Write, server: str, danger: bool
) -> None:
    source = app({"shop/urls.py": ASYNC_VIEW, f"shop/{server}.py": "application = None\n"})
    found = {fact.rule for fact in time.detect(part(source, "django"))}
    assert ("time.blocks-event-loop" in found) == danger


def test_a_bot_that_blocks_its_loop(app: Write) -> None:
    source = app({"bot.py": (
        "import time\n\nimport discord\nfrom discord.ext import commands\n\n"
        "bot = commands.Bot(command_prefix='!')\n\n\n@bot.event\nasync def on_message(message):\n"
        "    time.sleep(3)\n"
    )})  # fmt: skip
    found = told(list(time.detect(part(source, "discord", kind="worker"))))
    assert ("time.blocks-event-loop", "time.sleep", 11) in found


def test_commands_of_a_command_line_are_no_handlers(app: Write) -> None:
    source = app({"app.py": (
        "import time\n\nimport click\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n"
        "@app.cli.command('seed')\ndef seed():\n    time.sleep(9)\n\n\n"
        "@click.command()\ndef other():\n    time.sleep(9)\n"
    )})  # fmt: skip
    assert not [fact for fact in time.detect(part(source, "flask")) if fact.rule == "time.sleep"]


def test_a_task_that_waits_for_a_task(app: Write) -> None:
    source = app({"tasks.py": (
        "from celery import Celery, group\n\ncelery = Celery()\n\n\n@celery.task\ndef one():\n"
        "    return 1\n\n\n@celery.task\ndef many():\n    group(one.s(), one.s())().get()\n"
        "    return one.delay().get()\n\n\n@celery.task\ndef limited():\n"
        "    return one.delay().get(timeout=3)\n"
    )})  # fmt: skip
    found = list(time.detect(part(source, "celery", kind="worker")))
    assert {(f.rule, f.proof.line, f.value) for f in found} == {
        ("time.waits-for-task", 13, "in the task many()"),
        ("time.waits-for-task", 14, "in the task many()"),
    }


def test_llm_calls_that_no_handler_reaches_are_told_with_doubt(app: Write) -> None:
    source = app({"app.py": (
        "from flask import Flask\nfrom openai import OpenAI\n\napp = Flask(__name__)\n\n\n"
        "class Model:\n    def __init__(self):\n        self.client = OpenAI(timeout=3)\n\n"
        "    def generate(self):\n        return self.client.responses.create(input='x')\n\n\n"
        "MODELS = {'a': Model}\n\n\n@app.get('/')\ndef index():\n"
        "    return getattr(MODELS['a'](), 'gen' + 'erate')()\n"
    )})  # fmt: skip
    (fact,) = time.detect(part(source, "flask"))
    assert fact.rule == "time.llm-call" and fact.confidence == 0.5
    assert fact.proof.line == 12 and "no handler" in fact.value


def test_many_calls_of_one_function_are_one_fact(app: Write) -> None:
    calls = "".join(f"    requests.get('https://{i}.example.com')\n" for i in range(9))
    source = app({"app.py": f"import requests\nfrom flask import Flask\n\napp = Flask(__name__)\n"
                            f"\n\n@app.get('/')\ndef index():\n{calls}"})  # fmt: skip
    (fact,) = timeouts.detect(part(source, "flask"))
    assert fact.proof.line == 9 and "(and 8 more there)" in fact.value


def test_frameworks_with_a_connection_for_every_visitor(app: Write) -> None:
    source = app({"app.py": "import chainlit\n"})
    (fact,) = streaming.detect(part(source, "chainlit", entry="app.py"))
    assert (fact.rule, fact.subject, fact.proof.file) == ("time.websocket", "chainlit", "app.py")


@pytest.mark.parametrize("text", [
    "x = x or x or x or x\nx = x | x | x\nx()\n",
    "a = b\nb = a\nfor a in b:\n    b = a[0]\na.b.c()\n",
    "from app import *\nfrom app import x\nx.y()\n",
    "class A(A):\n    def f(self):\n        return self.f().f().g()\n\n\nA().f()()()\n",
    "x = [x, x, x, x]\nx.a()\n",
    "f = lambda: f()\nf()()()\n",
])  # fmt: skip
def test_names_that_lead_to_themselves_come_to_an_end(app: Write, text: str) -> None:
    body = "".join(f"    {line}\n" for line in text.splitlines())
    source = app({"app.py": f"from flask import Flask\napp = Flask(__name__)\n{text}\n\n"
                            f"@app.get('/')\ndef index():\n{body}"})  # fmt: skip
    whole = part(source, "flask")
    for node in source.nodes("app.py"):
        if isinstance(node, ast.Call):
            assert origin_of(whole.code, "app.py", node.func) is not None
    assert list(time.detect(whole)) == []


def test_long_chains_are_cut(app: Write) -> None:
    names = "\n".join(f"x{i + 1} = x{i}[0]" for i in range(DEPTH_MAX * 4))
    source = app({"app.py": f"import openai\nx0 = openai.OpenAI()\n{names}\n"
                            f"x{DEPTH_MAX * 4}.responses.create()\n"})  # fmt: skip
    whole = part(source, "flask")
    (call,) = [n for n in source.nodes("app.py") if isinstance(n, ast.Call)
               and isinstance(n.func, ast.Attribute) and n.func.attr == "create"]  # fmt: skip
    assert origin_of(whole.code, "app.py", call.func) in ("", "openai.OpenAI().responses.create")


PIECES = st.sampled_from([
    "import requests", "from openai import OpenAI", "client = OpenAI()", "x = client | x",
    "@app.get('/')", "async def f(x=1, *a, **k):", "def f(self):", "class A(B, C):", "    pass",
    "    return client.responses.create(model=x)", "    await x.y()[0](*a)", "    yield x",
    "    for x in x: x()", "    with x() as x: pass", "@retry(stop=stop_after_attempt(1e999))",
    "    time.sleep(-1)", "    subprocess.run(timeout=None)", "    a = b = c = x.delay().get()",
    "    lambda: (yield)", "    requests.get(*x, timeout=1_000_000_000_000)",
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=12))
def test_no_code_makes_it_fail(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    root = tmp_path_factory.mktemp("app")
    (root / "app.py").write_text("\n".join(lines))
    for framework in ("fastapi", "flask", "streamlit", "gradio"):
        whole = part(Source.open(root), framework)
        for detect in (time.detect, timeouts.detect, streaming.detect):
            list(detect(whole))
