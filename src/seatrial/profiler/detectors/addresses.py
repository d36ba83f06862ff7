"""Addresses and paths that are right on the author's machine only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.context import elsewhere, is_default, is_main, on_platform
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.detectors.origins import origin_of
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last, literal
from seatrial.profiler.rules import fact

_HERE = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+]{2,30})://(?:[^/@\s]{0,200}@)?"
    r"(?P<host>localhost|127\.0\.0\.1|0\.0\.0\.0)(?P<port>:\d{2,5})?(?:/|\?|$)"
)
_SERVICES = frozenset({
    "postgres", "postgresql", "mysql", "mariadb", "mongodb", "redis", "rediss", "amqp", "amqps",
    "kafka", "nats", "bolt", "neo4j", "mssql", "clickhouse", "memcached", "pyamqp",
})  # fmt: skip
_HTTP_CLIENTS = ("requests.", "httpx.", "aiohttp.", "urllib.request.", "openai.", "langchain",
                 "ollama.", "qdrant_client.", "elasticsearch.", "weaviate.", "chromadb.",
                 "opensearchpy.", "llama_index.", "boto3.", "litellm.", "anthropic.",
                 "pymilvus.", "meilisearch.", "websockets.", "grpc.", "mcp.", "gradio_client.",
                 "langgraph_sdk.", "langserve.", "langfuse.", "consul.", "minio.")  # fmt: skip
# Clients with the parameter that says where; without it they look on this machine.
_HOSTS: dict[str, tuple[str, str]] = {
    "redis.Redis": ("host", "localhost:6379"), "redis.StrictRedis": ("host", "localhost:6379"),
    "redis.asyncio.Redis": ("host", "localhost:6379"),
    "pymongo.MongoClient": ("host", "localhost:27017"),
    "pymongo.mongo_client.MongoClient": ("host", "localhost:27017"),
    "motor.motor_asyncio.AsyncIOMotorClient": ("host", "localhost:27017"),
    "psycopg2.connect": ("host", ""), "psycopg.connect": ("host", ""),
    "asyncpg.connect": ("host", ""), "asyncpg.create_pool": ("host", ""),
    "pymysql.connect": ("host", ""), "MySQLdb.connect": ("host", ""),
    "mysql.connector.connect": ("host", ""), "aiomysql.create_pool": ("host", ""),
    "pika.ConnectionParameters": ("host", ""), "qdrant_client.QdrantClient": ("host", ""),
    "chromadb.HttpClient": ("host", "localhost:8000"), "smtplib.SMTP": ("host", ""),
    "kafka.KafkaProducer": ("bootstrap_servers", "localhost:9092"),
    "kafka.KafkaConsumer": ("bootstrap_servers", "localhost:9092"),
    "elasticsearch.Elasticsearch": ("hosts", ""), "pymemcache.client.base.Client": ("server", ""),
    "pymilvus.connections.connect": ("host", ""),
}  # fmt: skip
_HOST_NAMES = frozenset(name.rpartition(".")[2] for name in _HOSTS)
_ELSE_GIVEN = frozenset({"url", "uri", "dsn", "unix_socket_path", "connection_pool", "path",
                         "location", "conninfo", "unix_socket", "cloud_id", "host_ip"})  # fmt: skip
_SHOWN = frozenset({"print", "info", "debug", "warning", "error", "write", "markdown", "code",
                    "caption", "success", "echo", "log", "exception", "title"})  # fmt: skip
_HOME = re.compile(r"(?:/Users/|/home/)([A-Za-z][\w.\-]{0,40})/[\w.\-]|[A-Za-z]:[\\/][\w.\- ]+")
# Homes that images make, and folders that every Mac has.
_MADE = frozenset({
    "app", "appuser", "user", "site", "node", "jovyan", "web", "www", "django", "airflow",
    "celery", "worker", "nonroot", "Shared", "flask", "python", "runner", "container", "vscode",
    "sbx_user1051", "streamlit", "model-server", "username", "yourname", "name", "me", "you",
})  # fmt: skip
_PATH_MAX = 260


def detect(part: Part) -> Iterator[Fact]:
    """Constants that nothing but an edit can change."""
    for file in indexes(part):
        used = _names_in_clients(part, file)
        for text in file.strings:
            assert isinstance(text.value, str)
            if any(host in text.value for host in _HERE[:2]):
                yield from _service(part, file, text, used)
            elif text.value[:1] == "/" or text.value[1:2] == ":":
                yield from _path(file, text)
        for call in file.of(ast.Call):
            if last(call.func) in _HOST_NAMES:
                yield from _client(part, file, call)
        yield from _django_host(file)


def _service(part: Part, file: Index, text: ast.Constant, used: set[str]) -> Iterator[Fact]:
    found = _URL.match(str(text.value))
    if found is None or _excused(file, text):
        return
    scheme = found["scheme"].partition("+")[0]
    shown = f"{found['scheme']}://{found['host']}{found['port'] or ''}"
    if scheme in _SERVICES or (
        scheme in ("http", "https", "ws", "grpc") and _is_called(part, file, text, used)
    ):
        yield fact("habit.localhost-service", shown, file=file.path, line=text.lineno)


def _excused(file: Index, node: ast.AST) -> bool:
    """Whether a value may be changed from outside, is only shown, or is for development."""
    if is_default(file, node) or is_main(file, node) or elsewhere(file, node):
        return True
    for one in file.above(node):
        # Defaults of Flask, over which a file or the environment is laid.
        if isinstance(one, ast.Call) and last(one.func) in (*_SHOWN, "from_mapping"):
            return True
        if isinstance(one, ast.List | ast.Tuple | ast.Set) and len(one.elts) > 1:
            return True
        if isinstance(one, ast.stmt):
            return False
    return False


def _is_called(part: Part, file: Index, text: ast.Constant, used: set[str]) -> bool:
    """Whether an address is given to a client, itself or by the name that it is held in."""
    for one in file.above(text):
        if isinstance(one, ast.Call):
            origin = origin_of(part.code, file.path, one.func)
            return origin.startswith(_HTTP_CLIENTS)
        if isinstance(one, ast.Assign):
            return any(last(target) in used for target in one.targets)
        if isinstance(one, ast.AnnAssign):
            return last(one.target) in used
    return False


def _names_in_clients(part: Part, file: Index) -> set[str]:
    """The names that stand in what a file's calls of clients are given."""
    texts = (text for text in file.strings if "://" in str(text.value))
    if not any(host in str(text.value) for text in texts for host in _HERE[:2]):
        return set()
    found: set[str] = set()
    for call in file.of(ast.Call):
        given = [*call.args[:2], *(one.value for one in call.keywords)]
        names = {last(n) for value in given for n in ast.walk(value) if last(n)}
        if names - found:
            origin = origin_of(part.code, file.path, call.func)
            if origin.startswith(_HTTP_CLIENTS):
                found |= names
    return found


def _client(part: Part, file: Index, call: ast.Call) -> Iterator[Fact]:
    """`redis.Redis(host="localhost")`, and `redis.Redis()`, which means the same."""
    origin = origin_of(part.code, file.path, call.func)
    if origin not in _HOSTS or is_main(file, call) or elsewhere(file, call):
        return
    if any(isinstance(one, ast.IfExp | ast.BoolOp) for one in file.above(call)):
        return
    name, default = _HOSTS[origin]
    given = keyword(call, name) or (call.args[0] if call.args else None)
    hidden = any(one.arg is None or one.arg in _ELSE_GIVEN for one in call.keywords)
    if given is None and default and not hidden and not call.args:
        yield fact("habit.localhost-service", origin, f"no host given: {default}",
                   file=file.path, line=call.lineno)  # fmt: skip
    items = given.elts if isinstance(given, ast.List | ast.Tuple) else [given]
    for item in items[:1]:
        host = (literal(item) or "").partition(":")[0]
        if host in _HERE[:2]:
            yield fact("habit.localhost-service", origin, f"{name}={host}",
                       file=file.path, line=call.lineno)  # fmt: skip


def _django_host(file: Index) -> Iterator[Fact]:
    """`"HOST": "localhost"` beside an `"ENGINE"` in DATABASES."""
    for table in file.of(ast.Dict):
        keys = {literal(key): value for key, value in zip(table.keys, table.values, strict=True)
                if key is not None}  # fmt: skip
        host = literal(keys.get("HOST"))
        engine = literal(keys.get("ENGINE")) or ""
        local = host in _HERE[:2] and engine and "sqlite" not in engine
        chosen = any(isinstance(one, ast.If) for one in file.above(table)) if local else True
        if not chosen and not elsewhere(file, table):
            yield fact("habit.localhost-service", "DATABASES", f"HOST={host}",
                       file=file.path, line=keys["HOST"].lineno)  # fmt: skip


def _path(file: Index, text: ast.Constant) -> Iterator[Fact]:
    written = str(text.value)
    found = _HOME.match(written)
    if found is None or len(written) > _PATH_MAX or "\n" in written or found[1] in _MADE:
        return
    if found[1] is None and not re.match(r"[A-Za-z]:[\\/](?![\\/])\S", written):
        return
    if _excused(file, text) or on_platform(file, text):
        return
    # Servers and images have a /home too.
    sure = 0.6 if written.startswith("/home") else None
    yield fact("habit.absolute-path", written[:120], file=file.path, line=text.lineno,
               confidence=sure)  # fmt: skip
