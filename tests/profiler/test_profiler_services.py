"""Services, variables and models: found where they are, and not elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.kernel.demand import AppSettings
from seatrial.kernel.workload import Fact, Service, Workload
from seatrial.profiler.detectors import env, service_signs, services, settings_files, tables
from seatrial.profiler.part import Part
from seatrial.profiler.profile import profile
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]
PLAIN = "import os\nfrom flask import Flask\napp = Flask(__name__)\n"
FASTAPI = "import os\nfrom fastapi import FastAPI\napp = FastAPI()\n"


def read(source: Source) -> Workload:
    return profile(source, AppSettings())


def facts(source: Source, rule: str) -> list[Fact]:
    return [fact for fact in read(source).components[0].facts if fact.rule.startswith(rule)]


def found_services(source: Source) -> dict[str, Service]:
    return {service.kind: service for service in read(source).components[0].services}


def part(source: Source, *paths: str) -> Part:
    return Part(
        source=source, name="web", kind="web", framework="flask", entry="app:app",
        paths=paths or source.python_files, dependencies={},
    )  # fmt: skip


# name: code, requirements, kind -> (env, required)
SERVICES: dict[str, tuple[str, str, dict[str, tuple[str, bool]]]] = {
    "none": ("", "psycopg\nredis", {}),
    "sqlite, PostgreSQL by variable": (
        "url = os.environ.get('DATABASE_URL', 'sqlite:///x.db')", "psycopg",
        {"sqlite": ("", True), "postgresql": ("DATABASE_URL", False)},
    ),
    "no driver, no PostgreSQL": (
        "url = os.environ.get('DATABASE_URL', 'sqlite:///x.db')", "", {"sqlite": ("", True)},
    ),
    "or after an empty variable": (
        "url = os.getenv('DATABASE_URL') or f'sqlite:///{app.root_path}/x.db'", "psycopg2-binary",
        {"sqlite": ("", True), "postgresql": ("DATABASE_URL", False)},
    ),
    "PostgreSQL alone": (
        "url = os.environ['DATABASE_URL']", "psycopg", {"postgresql": ("DATABASE_URL", True)},
    ),
    "MySQL by address": ("url = 'mysql+pymysql://u:hunter2@h/db'", "", {"mysql": ("", True)}),
    "Redis": (
        "import redis\nr = redis.from_url(os.environ.get('REDIS_URL', 'redis://localhost'))",
        "redis", {"redis": ("REDIS_URL", True)},
    ),
    "MongoDB": ("import pymongo\nc = pymongo.MongoClient(os.environ['MONGO_URI'])", "",
                {"mongodb": ("MONGO_URI", True)}),
    "sqlite3": ("import sqlite3\nc = sqlite3.connect('x.db')", "", {"sqlite": ("", True)}),
    "sqlite3 only imported": ("import sqlite3\nE = sqlite3.Error", "", {}),
    "S3 and Bedrock": (
        "import boto3\ns = boto3.client('s3')\nb = boto3.client('bedrock-runtime')", "boto3",
        {"s3": ("", True), "llm": ("", True)},
    ),
    "DynamoDB is none of these": ("import boto3\nd = boto3.client('dynamodb')", "boto3", {}),
    "a language model": ("import openai\nkey = os.environ['OPENAI_API_KEY']", "openai",
                         {"llm": ("OPENAI_API_KEY", True)}),
    "RabbitMQ": ("url = 'amqp://guest@h//'", "", {"rabbitmq": ("", True)}),
    "Elasticsearch": ("from elasticsearch import Elasticsearch", "", {"elasticsearch": ("", True)}),
    "words are no addresses": ("x = 'use redis or postgresql: both://work'", "", {}),
}  # fmt: skip


@pytest.mark.parametrize("case", SERVICES)
def test_services(app: Write, case: str) -> None:
    code, requirements, wanted = SERVICES[case]
    source = app({"app.py": PLAIN + code, "requirements.txt": "flask\n" + requirements})
    found = found_services(source)
    assert {kind: (s.env, s.required) for kind, s in found.items()} == wanted
    assert all(s.proof.file and s.proof.line > 0 for s in found.values())
    assert "hunter2" not in str(found)


def test_files_the_app_never_imports_do_not_count(app: Write) -> None:
    source = app({
        "app.py": PLAIN, "scripts/load.py": "import redis\nDB = 'mysql://h'\nimport os\n"
        "os.environ['X']\nC = {}\ndef f(): C[1] = 2\n", "tests/t.py": "import pymongo",
    })  # fmt: skip
    assert not found_services(source)
    assert not facts(source, "env.")


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("os.environ['KEY']", "required"),
        ("os.environ.get('KEY')", "optional"),
        ("os.getenv('KEY', '')", "optional"),
        ("os.getenv('KEY', 'hunter2')", "default"),
        ("os.environ.get('KEY', default=3)", "default"),
        ("if 'KEY' in os.environ: os.environ['KEY']", "optional"),
        ("from os import environ as e\ne['KEY']", "required"),
        ("from os import getenv\ngetenv('KEY')", "optional"),
        ("env = os.environ.copy()\nenv['KEY']", "required"),
        ("env = os.environ\nenv.get('KEY', 1)", "default"),
        ("def later(): return os.environ['KEY']", "required"),
    ],
)
def test_variables(app: Write, code: str, value: str) -> None:
    found = facts(app({"app.py": PLAIN + code}), "env.read")
    assert [(fact.subject, fact.value) for fact in found] == [("KEY", value)]
    assert found[0].proof.file == "app.py" and found[0].proof.line >= 4
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("code", ["os.environ[name()]", "d = {}\nd['KEY']", "x.get('KEY')"])
def test_what_is_no_variable(app: Write, code: str) -> None:
    assert not facts(app({"app.py": PLAIN + code}), "env.read")


def test_models(app: Write) -> None:
    source = app({
        "app.py": PLAIN + "import joblib\nfrom transformers import AutoModel\n"
        "m = joblib.load('m/a.joblib')\nn = AutoModel.from_pretrained('org/name')\n"
        "w = 'later.safetensors'\nglob = '*.onnx'\n",
        "m/a.joblib": b"\x80\x04.",
        "m/b.onnx": b"version https://git-lfs.github.com/spec/v1\n",
        "readme.md": "c.pt",
    })  # fmt: skip
    assert {(f.rule, f.subject, f.proof.file, f.proof.line) for f in facts(source, "model.")} == {
        ("model.file", "m/a.joblib", "m/a.joblib", 0),
        ("model.code", "m/a.joblib", "m/a.joblib", 0),
        ("model.file", "m/b.onnx", "m/b.onnx", 0),
        ("model.lfs-pointer", "m/b.onnx", "m/b.onnx", 0),
        ("model.load", "m/a.joblib", "app.py", 6),
        ("model.load", "org/name", "app.py", 7),
        ("model.named", "later.safetensors", "app.py", 8),
        ("model.download-at-start", "org/name", "app.py", 7),
    }
    assert not facts(app({"app.py": PLAIN, "m/a.joblib": ""}), "model.load")


def required(source: Source) -> dict[tuple[str, str], tuple[str, bool]]:
    found = read(source).components[0].services
    return {(s.kind, s.provider): (s.env, s.required) for s in found}


# code, requirements -> (kind, provider): (variable, required)
WHOSE: dict[str, tuple[str, str, dict[tuple[str, str], tuple[str, bool]]]] = {
    "R2 speaks S3": (
        "import boto3\ns = boto3.client('s3', endpoint_url='https://a.r2.cloudflarestorage.com')",
        "boto3", {("s3", "r2"): ("", True)},
    ),
    "MinIO": (
        "from minio import Minio\nm = Minio(os.environ['MINIO_ENDPOINT'])", "minio",
        {("s3", "minio"): ("MINIO_ENDPOINT", True)},
    ),
    "three stores": (
        "import boto3\nfrom google.cloud import storage\nimport adlfs\n"
        "a, b, c = boto3.resource('s3'), storage.Client(), adlfs.AzureBlobFileSystem()", "",
        {("s3", "s3"): ("", True), ("s3", "gcs"): ("", True), ("s3", "azure-blob"): ("", True)},
    ),
    "optional by a test": (
        "import redis\nREDIS_URL = os.getenv('REDIS_URL')\n"
        "def cache():\n    if REDIS_URL:\n        return redis.from_url(REDIS_URL)", "redis",
        {("redis", ""): ("REDIS_URL", False)},
    ),
    "made when first asked": (
        "import redis\n_r = None\ndef cache():\n    global _r\n    if _r is None:\n"
        "        _r = redis.Redis()\n    return _r", "redis", {("redis", ""): ("", True)},
    ),
    "development and tests have their own": (
        "a = os.getenv('TEST_DATABASE_URL')\nb = os.getenv('DEV_DATABASE_URL', 'sqlite:///d')\n"
        "c = os.environ['DATABASE_URL']", "psycopg",
        {("postgresql", ""): ("DATABASE_URL", True), ("sqlite", ""): ("", True)},
    ),
    "one of several vector stores": (
        "from qdrant_client import QdrantClient\nfrom pinecone import Pinecone\n"
        "def a(): return QdrantClient(os.getenv('QDRANT_URL'))\n"
        "def b(): return Pinecone(os.getenv('PINECONE_API_KEY'))", "qdrant-client\npinecone",
        {("qdrant", ""): ("QDRANT_URL", False), ("pinecone", ""): ("PINECONE_API_KEY", False)},
    ),
    "default elsewhere": (
        "url = os.getenv('CACHE_URL', 'memcached://localhost')", "redis\npymemcache",
        {("memcached", ""): ("CACHE_URL", True)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOSE)
def test_whose_and_whether_needed(app: Write, case: str) -> None:
    code, requirements, wanted = WHOSE[case]
    source = app({"app.py": PLAIN + code, "requirements.txt": "flask\n" + requirements})
    assert required(source) == wanted


def test_pgvector_is_a_fact_of_postgresql(app: Write) -> None:
    source = app({"app.py": PLAIN + "from pgvector.sqlalchemy import Vector\n"})
    told = list(services.facts(part(source)))
    assert [(f.rule, f.subject, f.proof.line) for f in told] == [
        ("service.pgvector", "pgvector.sqlalchemy", 4)
    ]
    made = app({"app.py": PLAIN + "sql = 'CREATE EXTENSION IF NOT EXISTS vector;'\n"})
    assert [f.subject for f in services.facts(part(made))] == ["vector"]
    assert not list(services.facts(part(app({"app.py": PLAIN + "v = 'vector'\n"}))))


def test_settings_named_by_a_factory_are_read(app: Write) -> None:
    source = app({
        "app.py": "from flask import Flask\ndef create_app(config='shop.config.Config'):\n"
        "    app = Flask('x')\n    app.config.from_object(config)\n    return app\n",
        "shop/__init__.py": "", "shop/config.py": "import os\nclass Config:\n"
        "    MONGO_URI = os.environ['MONGO_URI']\n", "requirements.txt": "flask\npymongo\n",
    })  # fmt: skip
    assert required(source) == {("mongodb", ""): ("MONGO_URI", True)}


def test_settings_lines() -> None:
    text = (
        "# url: redis://commented\nurl: ${A_URL:redis://h:1/0}\nb = ${B:-x}\nc: {{ C_KEY }}\n"
        "export D=1 # note\n  'e': \"${oc.env:E,4}\",\nf: ${F:?missing}\nplain\n"
    )
    found = [(s.key, s.env, s.default, s.required, s.line) for s in settings_files.parse("f", text)]
    assert found == [
        ("url", "A_URL", "redis://h:1/0", False, 2), ("b", "B", "x", False, 3),
        ("c", "C_KEY", "", True, 4), ("D", "", "", False, 5), ("e", "E", "4", False, 6),
        ("f", "F", "", True, 7),
    ]  # fmt: skip


@given(st.text(max_size=300))
def test_any_text_is_read_as_settings(text: str) -> None:
    for setting in settings_files.parse("x", text):
        assert setting.key and 1 <= setting.line <= len(text.splitlines())
        assert service_signs.scheme_key(setting.value) in {None, *_keys()}


def _keys() -> set[tuple[str, str]]:
    return {(known.kind, known.provider) for known in tables.services()}


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("SECRET_KEY", True), ("OPENAI_API_KEY", True), ("DB_PASSWORD", True), ("TOKEN", True),
        ("SENTRY_DSN", True), ("SLACK_WEBHOOK_URL", True), ("GOOGLE_APPLICATION_CREDENTIALS", True),
        ("MAX_TOKENS", False), ("PUBLIC_KEY", False), ("TOKEN_EXPIRE_MINUTES", False),
        ("KEYBOARD", False), ("SECRET_KEY_FILE", False), ("HOST", False), ("MONKEY", False),
        ("PASSWORD_MIN_LENGTH", False), ("AUTHOR", False),
    ],
)  # fmt: skip
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert env.is_secret(name) is secret


def test_tables_are_sound() -> None:
    for field in ("imports", "drivers", "schemes", "images"):
        names = [name for known in tables.services() for name in getattr(known, field)]
        assert len(names) == len(set(names)), field
    for field in ("imports", "clients", "classes", "hosts", "names", "env"):
        names = [name for one in tables.providers().values() for name in getattr(one, field)]
        assert len(names) == len(set(names)), field
    assert service_signs.variable_key("APP_REDIS_URL") == ("redis", "")
    assert service_signs.variable_key("POSTGRES_SERVER") == ("postgresql", "")
    assert service_signs.variable_key("CREDIS_URL") is None
