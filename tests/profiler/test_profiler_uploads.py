"""Uploads by framework, limits by how they are written."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import upload_limits, uploads
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]


def found(source: Source, framework: str) -> list[Fact]:
    return list(uploads.detect(Part(
        source=source, name="web", kind="web", framework=framework, entry="app:app",
        paths=source.python_files, dependencies={},
    )))  # fmt: skip


ACCEPTING = {
    "django": "def upload(request):\n    return request.FILES['file'].name\n",
    "sanic": "from sanic import Sanic\napp = Sanic('shop')\n\n\n@app.post('/')\n"
             "async def upload(request):\n    return request.files.get('file')\n",
    "tornado": "import tornado.web\n\n\nclass Upload(tornado.web.RequestHandler):\n"
               "    def post(self):\n        return self.request.files['file']\n",
    "litestar": "from litestar import post\nfrom litestar.datastructures import UploadFile\n\n\n"
                "@post('/')\nasync def upload(data: UploadFile) -> None:\n    pass\n",
    "aiohttp": "from aiohttp import web\n\n\nasync def upload(request):\n"
               "    data = await request.post()\n\n\napp = web.Application()\n"
               "app.router.add_post('/', upload)\n",
    "dash": "from dash import Dash, dcc\napp = Dash(__name__)\napp.layout = dcc.Upload(id='x')\n",
    "chainlit": "import chainlit as cl\n\n\n@cl.on_chat_start\nasync def start():\n"
                "    await cl.AskFileMessage(content='a file').send()\n",
}  # fmt: skip


@pytest.mark.parametrize("framework", ACCEPTING)
def test_every_framework_accepts_and_has_its_limit_or_none(app: Write, framework: str) -> None:
    facts = found(app({"app.py": ACCEPTING[framework]}), framework)
    rules = {fact.rule for fact in facts}
    assert "upload.accepted" in rules
    assert ("upload.no-limit" in rules) == (not upload_limits.own(framework))


def test_a_stream_of_aiohttp_has_no_limit(app: Write) -> None:
    source = app({"app.py": ACCEPTING["aiohttp"].replace("request.post()", "request.multipart()")})
    assert "upload.no-limit" in {fact.rule for fact in found(source, "aiohttp")}


FLASK = (
    "from flask import Flask, request\n{top}\napp = Flask(__name__)\n\n\n@app.post('/')\n"
    "def upload():\n    file = request.files['file']\n    {body}\n    return ''\n"
)


@pytest.mark.parametrize(("top", "body", "limit"), [
    ("MAX_FILE_SIZE_MB = 10", "pass", "MAX_FILE_SIZE_MB: 10 MB"),
    ("UPLOAD_LIMIT_BYTES = 4 << 20", "pass", "4 MiB"),
    ("limits = {'MAX_CONTENT_LENGTH': 1024 ** 2}", "pass", "1 MiB"),
    ("", "if request.content_length > 5_000_000: return '', 413", "its size is checked"),
    ("", "data = file.read()\n    if len(data) > 9999: return '', 413", "its size is checked"),
    ("", "if int(request.headers['Content-Length']) > 9: return ''", "Content-Length is checked"),
])  # fmt: skip
def test_limits(app: Write, top: str, body: str, limit: str) -> None:
    facts = found(app({"app.py": FLASK.format(top=top, body=body)}), "flask")
    assert [f for f in facts if f.rule == "upload.accepted" and limit in f.value], facts
    assert not [f for f in facts if f.rule == "upload.no-limit"]


@pytest.mark.parametrize(("top", "body"), [
    ("MAX_CONTENT_LENGTH = None", "pass"),
    ("max_length = 20\nMAX_RESULTS = 5000\nmax_content_length = 50", "pass"),
    ("", "if len(file.filename) > 100: return ''"),
    ("", "data = file.read()\n    if len(data) > 0: return ''"),
    ("", "headers = {'Content-Length': '12'}"),
])  # fmt: skip
def test_what_is_no_limit(app: Write, top: str, body: str) -> None:
    facts = found(app({"app.py": FLASK.format(top=top, body=body)}), "flask")
    assert [f for f in facts if f.rule == "upload.no-limit"], facts


@pytest.mark.parametrize(("body", "danger"), [
    ("file.save('data/' + file.filename)", True),
    ("file.save(f'data/{file.filename}')", True),
    ("name = file.filename\n    file.save(name)", True),
    ("import shutil\n    shutil.move('x', f'data/{file.filename}')", True),
    ("name = file.filename\n    name = 'x'\n    file.save(name)", False),
    ("file.save('data/x.' + file.filename.rsplit('.')[-1])", False),
    ("import os\n    file.save(os.path.basename(file.filename))", False),
    ("print(file.filename)\n    file.save('data/x')", False),
    ("other = object()\n    file.save(other.filename)", False),
])  # fmt: skip
def test_file_names(app: Write, body: str, danger: bool) -> None:
    facts = found(app({"app.py": FLASK.format(top="MAX_FILE_SIZE = 5000", body=body)}), "flask")
    assert ("upload.filename" in {fact.rule for fact in facts}) == danger


def test_an_app_without_uploads_says_nothing(app: Write) -> None:
    source = app(
        {"app.py": "import tarfile\n\n\ndef load():\n    tarfile.open('a').extractall()\n"}
    )
    assert found(source, "flask") == []


@given(st.recursive(
    st.integers(0, 4096).map(str),
    lambda inner: st.tuples(inner, st.sampled_from(["*", "**", "<<", "+"]), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
    max_leaves=4,
))  # fmt: skip
def test_constant_sizes_are_worked_out_and_never_explode(text: str) -> None:
    value = upload_limits.number(ast.parse(text, mode="eval").body)
    if value is not None:
        assert 0 <= value < 4096**6 + 1
        assert "+" not in text and value == eval(text)


def test_a_broken_streamlit_config_is_no_limit(app: Write) -> None:
    source = app({
        "app.py": "import streamlit as st\nst.file_uploader('x')\n",
        ".streamlit/config.toml": "[server\nmaxUploadSize = ",
    })  # fmt: skip
    (fact,) = found(source, "streamlit")
    assert fact.value == "streamlit; 200 MB, Streamlit's own limit"
