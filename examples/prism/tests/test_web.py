"""The pages: uploads, forged requests, other people's documents, escaping, exports, errors."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from docx import Document as open_docx
from flask import Flask
from flask.testing import FlaskClient

from prism import sample
from prism.config import ConfigError, from_environment
from tests import made
from tests.conftest import analysed, progress, send, token

JSON = {"Accept": "application/json"}
SCRIPT = "<script>alert(1)</script>"


def test_the_start_page(client: FlaskClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert "Built-in rules, no language model" in answer.text
    assert "No language model is configured here." in answer.text
    assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert " style=" not in answer.text and "onclick" not in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_session_cookie(client: FlaskClient, make_app: Callable[..., Flask]) -> None:
    cookie = client.get("/").headers["Set-Cookie"]
    assert cookie.startswith("prism=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert "Set-Cookie" not in client.get("/").headers
    for secure in (
        make_app(https=True).test_client().get("/"),
        make_app().test_client().get("/", headers={"X-Forwarded-Proto": "https"}),
        make_app().test_client().get("/", base_url="https://localhost"),
    ):
        cookie = secure.headers["Set-Cookie"]
        assert cookie.startswith("__Host-prism=") and "Secure" in cookie and "Path=/" in cookie


def test_a_document_from_upload_to_export(client: FlaskClient) -> None:
    path = analysed(client)
    page = client.get(path).text
    assert "Warehouse project" in page and "“WMS” is not explained anywhere." in page
    assert page.count("Examined by built-in rules, no language model") == 6
    assert "Total budget: 1.8 million EUR in section 1, 1.76 million EUR in section 5." in page
    assert path in client.get("/").text

    docx = client.get(f"{path}/export.docx")
    assert docx.headers["Content-Disposition"].endswith('"warehouse-project-analysis.docx"')
    lines = [line.text for line in open_docx(io.BytesIO(docx.data)).paragraphs]
    assert "Analysis of Warehouse project" in lines[0]
    assert sum("Examined by built-in rules" in line for line in lines) == 6
    assert any("WMS" in line for line in lines)

    found = json.loads(client.get(f"{path}/export.json").data)
    assert found["complete"] and len(found["sections"]) == 5
    assert all(part["analysis"]["analyser"] == "built-in" for part in found["sections"])
    assert found["usage"]["calls"] == 0


def test_progress_gives_only_what_is_new(client: FlaskClient) -> None:
    path = analysed(client)
    assert sorted(progress(client, path)["sections"]) == ["0", "1", "2", "3", "4", "5"]
    rest = client.get(f"{path}/progress?have=0,1,2,,x,²,99999999999999999999").get_json()
    assert sorted(rest["sections"]) == ["3", "4", "5"]


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (b"hello", 422, "not a Word document"),
        (b"", 422, "empty"),
        (made.with_part("word/vbaProject.bin", b"x"), 422, "has macros"),
        (b"PK" + b"\0" * (10 * 1024 * 1024), 413, "larger than 10 MB"),
        (b"PK" + b"\0" * (33 * 1024 * 1024), 413, "larger than 10 MB"),
    ],
)
def test_refused_uploads(client: FlaskClient, data: bytes, code: int, words: str) -> None:
    answer = send(client, data)
    assert answer.status_code == code and words in answer.text and "</html>" in answer.text
    answer = send(client, data, **JSON)
    assert answer.status_code == code and words in answer.get_json()["error"]
    assert client.get("/").text.count("/documents/") == 0


def test_no_file(client: FlaskClient) -> None:
    answer = client.post("/documents", data={"csrf_token": token(client)})
    assert answer.status_code == 400 and "Choose a Word document" in answer.text


def test_forged_requests(client: FlaskClient) -> None:
    form = {"csrf_token": token(client)}
    for bad in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ):
        assert client.post("/sample", data=form, headers=bad).status_code == 403, bad
    for wrong in ({}, {"csrf_token": "0" * 64}, {"csrf_token": "é"}):
        assert client.post("/sample", data=wrong).status_code == 403
    for good in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {}):
        assert client.post("/sample", data=form, headers=good).status_code == 303, good
    path = analysed(client)
    for action in ("chat", "delete", "analyse", "export/s3"):
        assert client.post(f"{path}/{action}").status_code == 403
    assert client.get(path).status_code == 200


def test_documents_of_others(app: Flask) -> None:
    mine, other = app.test_client(), app.test_client()
    path = analysed(mine)
    form = {"csrf_token": token(other), "question": "What is it?"}
    for leaf in ("", "/progress", "/export.docx", "/export.json"):
        assert mine.get(path + leaf).status_code == 200
        assert other.get(path + leaf).status_code == 404
    for leaf in ("/chat", "/delete", "/analyse", "/export/s3"):
        assert other.post(path + leaf, data=form).status_code == 404
    assert path not in other.get("/").text
    assert mine.get(path).status_code == 200


def test_deleting(client: FlaskClient) -> None:
    path = analysed(client)
    assert client.post(f"{path}/delete", data={"csrf_token": token(client)}).status_code == 303
    assert client.get(path).status_code == 404 and path not in client.get("/").text


def test_everything_is_escaped(client: FlaskClient) -> None:
    def build(document: Any) -> None:
        document.add_heading(f"Title {SCRIPT}", 0)
        document.add_heading(f"Heading {SCRIPT}", 1)
        document.add_paragraph(f"It must be done as soon as possible {SCRIPT} by the XKCD.")
        document.add_table(1, 1).cell(0, 0).text = SCRIPT

    answer = send(client, made.docx(build), name=f"a{SCRIPT}.docx")
    path = answer.location
    form = {"csrf_token": token(client), "question": SCRIPT}
    pages = [client.get(path).text, client.get("/").text]
    pages.append(client.post(f"{path}/chat", data=form, headers=JSON).get_json()["html"])
    pages += progress(client, path)["sections"].values()
    for page in pages:
        assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)" in pages[0] and "&lt;script&gt;" in pages[1]
    name = client.get(f"{path}/export.json").headers["Content-Disposition"]
    assert "<" not in name and name.count('"') == 2


def test_chat(client: FlaskClient) -> None:
    path = analysed(client)
    form = {"csrf_token": token(client), "question": "How many employees are trained?"}
    assert client.post(f"{path}/chat", data=form).location == f"{path}#chat"
    page = client.get(path).text
    assert "How many employees are trained?" in page and "“Training of 85 employees”" in page
    assert "Found by built-in rules, no language model." in page
    form["question"] = "zebra xylophone"
    html = client.post(f"{path}/chat", data=form, headers=JSON).get_json()["html"]
    assert "no place that shares a word" in html
    for bad in ("", " a ", "x" * 1001):
        answer = client.post(f"{path}/chat", data={**form, "question": bad}, headers=JSON)
        assert answer.status_code == 400 and "2 to 1000" in answer.get_json()["error"]
    assert len(client.get(f"{path}/export.json").get_json()["chat"]) == 4


def test_save_to_a_bucket(make_app: Callable[..., Flask], s3: Any) -> None:
    client = make_app(s3_bucket="exports", s3_prefix="team/").test_client()
    path = analysed(client)
    assert "Save to S3" in client.get(path).text
    form = {"csrf_token": token(client)}
    saved = client.post(f"{path}/export/s3", data=form, headers=JSON).get_json()["saved"]
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="exports")["Contents"]]
    assert sorted(saved) == sorted(f"s3://exports/{key}" for key in keys)
    assert all(key.startswith("team/") for key in keys)
    body = next(key for key in keys if key.endswith(".json"))
    kept = s3.get_object(Bucket="exports", Key=body)
    assert kept["ServerSideEncryption"] == "AES256"
    assert json.loads(kept["Body"].read())["title"] == "Warehouse project"
    assert client.post(f"{path}/export/s3", data=form).location == f"{path}?saved=1"
    assert "Saved to the bucket exports" in client.get(f"{path}?saved=1").text


def test_a_bucket_that_refuses(make_app: Callable[..., Flask], s3: Any) -> None:
    client = make_app(s3_bucket="not-there").test_client()
    form = {"csrf_token": token(client)}
    answer = client.post(f"{analysed(client)}/export/s3", data=form)
    assert answer.status_code == 502 and "NoSuchBucket" in answer.text
    assert "a-secret-that-no-log-shows" not in answer.text


def test_no_bucket(client: FlaskClient) -> None:
    path = analysed(client)
    assert "Save to S3" not in client.get(path).text
    answer = client.post(f"{path}/export/s3", data={"csrf_token": token(client)})
    assert answer.status_code == 404


def test_the_queue_is_full(make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    from prism import work

    def full(_desk: object, _document_id: str) -> None:
        raise work.Full

    monkeypatch.setattr(work.Threads, "submit", full)
    client = make_app().test_client()
    answer = send(client, sample.build())
    assert answer.status_code == 503 and "Too many documents are waiting" in answer.text
    assert "/documents/" not in client.get("/").text.replace('action="/documents"', "")


def test_missing_pages(client: FlaskClient) -> None:
    for path in ("/nothing", "/documents/x", f"/documents/{'a' * 22}", "/documents/x/export.pdf"):
        assert client.get(path).status_code == 404
    assert client.get("/nothing", headers=JSON).get_json()["error"]


def test_health(client: FlaskClient) -> None:
    assert client.get("/healthz").get_json() == {
        "status": "ok",
        "analyser": "built-in",
        "sessions": "memory",
        "work": "threads",
    }


@pytest.mark.parametrize(
    "environ",
    [
        {"PRISM_ANALYSER": "openai"},
        {"REDIS_URL": "localhost"},
        {"PRISM_THREADS": "0"},
        {"PRISM_KEEP_HOURS": "1.5"},
        {"PRISM_HTTPS": "perhaps"},
        {"PRISM_MODELS_FILE": "/not/there.toml"},
    ],
)
def test_settings_that_cannot_be_used(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(environ))):
        from_environment(environ)


def test_settings() -> None:
    config = from_environment({"PRISM_MEMORY_MIB": "64", "PRISM_HTTPS": "1", "REDIS_URL": " "})
    assert config.memory_bytes == 64 * 2**20 and config.https and config.redis_url is None
