"""What in an app's code and files speaks of a service."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Proof
from seatrial.profiler.detectors import guards, settings_files, tables
from seatrial.profiler.detectors.constants import resolve
from seatrial.profiler.detectors.index import Index
from seatrial.profiler.detectors.settings_modules import with_settings
from seatrial.profiler.detectors.tables import Key
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last, literal

_URL = re.compile(r"\s*([a-z][a-z0-9]*)(?:\+[a-z_]\w*)?://", re.IGNORECASE)
# Calls whose text arguments are compared with an address or shown, not used as one.
_NO_ADDRESS = frozenset({
    "startswith", "replace", "removeprefix", "lstrip", "strip", "split", "print", "add_argument",
    "info", "debug", "warning", "error", "exception", "match", "compile", "sub", "search",
    "ValueError", "RuntimeError", "HTTPException", "markdown", "caption", "text_input", "option",
    "Option", "write", "index", "find", "count", "partition", "endswith", "urlparse_prefix",
})  # fmt: skip
_TELLING = frozenset({"help", "description", "title", "placeholder", "label", "examples", "example",
                      "msg", "message", "detail"})  # fmt: skip
# Values of Flask-Session's SESSION_TYPE, Flask-Caching's CACHE_TYPE and the like.
_TYPES: dict[str, Key] = {
    "redis": ("redis", ""), "rediscache": ("redis", ""), "redisclustercache": ("redis", ""),
    "flask_caching.backends.rediscache": ("redis", ""), "memcached": ("memcached", ""),
    "memcachedcache": ("memcached", ""), "mongodb": ("mongodb", ""),
}  # fmt: skip
_TYPE_NAMES = frozenset({"SESSION_TYPE", "CACHE_TYPE", "CACHES_TYPE", "QUEUE_TYPE"})
_BOTO: dict[str, Key] = {"s3": ("s3", "s3"), "sqs": ("sqs", "")}
_CLASSES: dict[str, Key] = {
    "peewee.SqliteDatabase": ("sqlite", ""),
    "playhouse.sqlite_ext.SqliteExtDatabase": ("sqlite", ""),
    "sqlite3.connect": ("sqlite", ""), "aiosqlite.connect": ("sqlite", ""),
    "peewee.PostgresqlDatabase": ("postgresql", ""), "peewee.MySQLDatabase": ("mysql", ""),
    "huey.RedisHuey": ("redis", ""), "huey.PriorityRedisHuey": ("redis", ""),
    "huey.RedisExpireHuey": ("redis", ""), "huey.SqliteHuey": ("sqlite", ""),
    "aiocache.RedisCache": ("redis", ""), "dramatiq.brokers.redis.RedisBroker": ("redis", ""),
    "socketio.RedisManager": ("redis", ""), "socketio.AsyncRedisManager": ("redis", ""),
    "dramatiq.brokers.rabbitmq.RabbitmqBroker": ("rabbitmq", ""),
    "apscheduler.jobstores.redis.RedisJobStore": ("redis", ""),
    "apscheduler.jobstores.mongodb.MongoDBJobStore": ("mongodb", ""),
    "langchain_postgres.PGVector": ("postgresql", ""),
}  # fmt: skip
_LANGCHAIN: dict[str, Key] = {
    "PGVector": ("postgresql", ""), "PGVectorStore": ("postgresql", ""), "Qdrant": ("qdrant", ""),
    "Weaviate": ("weaviate", ""), "Milvus": ("milvus", ""), "Pinecone": ("pinecone", ""),
    "ElasticsearchStore": ("elasticsearch", ""), "ElasticVectorSearch": ("elasticsearch", ""),
    "OpenSearchVectorSearch": ("elasticsearch", ""), "Redis": ("redis", ""),
    "RedisChatMessageHistory": ("redis", ""), "Neo4jVector": ("neo4j", ""),
    "Neo4jGraph": ("neo4j", ""), "MongoDBAtlasVectorSearch": ("mongodb", ""),
    "MongoDBChatMessageHistory": ("mongodb", ""), "PostgresChatMessageHistory": ("postgresql", ""),
    "PineconeVectorStore": ("pinecone", ""), "QdrantVectorStore": ("qdrant", ""),
}  # fmt: skip


class Sign(Value):
    """One thing that speaks of a service.

    `how` is `call`, `url`, `import`, `setting`, `driver`, `image` or `example`; the last three
    say only that it may be there. `optional` says that the app runs without it.
    """

    key: Key
    how: str
    optional: bool
    proof: Proof


def in_code(part: Part) -> Iterator[Sign]:
    """The signs in the Python files, the settings modules that are only named included."""
    for one in with_settings(part):
        yield from _imports(one)
        yield from _calls(part, one)
        yield from _strings(one)


def in_files(part: Part) -> Iterator[Sign]:
    """The signs in settings files that the code reads, in examples of .env and compose files."""
    for setting in settings_files.loaded(part):
        text = setting.default if setting.env else setting.value
        key = scheme_key(text) or variable_key(setting.env)
        if key is not None:
            yield _sign(key, "setting", setting.file, setting.line, setting.env or setting.key)
    for setting in settings_files.examples(part.source):
        key = scheme_key(setting.default or setting.value)
        if key is not None:
            yield _sign(key, "example", setting.file, setting.line, setting.key)
    for name, file, line in settings_files.images(part.source):
        key = tables.service_keys("images").get(name)
        if key is not None:
            yield _sign(key, "image", file, line, f"image {name}")


def installed(part: Part) -> Iterator[Sign]:
    """Packages that are asked for whose only use is to talk to a service."""
    for name, dependency in sorted(part.dependencies.items()):
        key = tables.service_keys("drivers").get(name)
        if key is not None:
            proof = dependency.proof
            yield _sign(key, "driver", proof.file, proof.line, f"driver {name}")


def scheme_key(text: str) -> Key | None:
    """The service that an address leads to; its password is never looked at."""
    found = _URL.match(text)
    return tables.service_keys("schemes").get(found[1].lower()) if found else None


def variable_key(name: str) -> Key | None:
    """The service whose address a variable carries by its name."""
    upper = name.upper()
    return next(
        (key for pattern, key in tables.service_variables() if pattern.fullmatch(upper)), None
    )


def _imports(one: Index) -> Iterator[Sign]:
    table = tables.service_keys("imports")
    seen: set[Key] = set()
    nodes: list[ast.Import | ast.ImportFrom] = [*one.of(ast.Import), *one.of(ast.ImportFrom)]
    for node in nodes:
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                continue
            names = [node.module, *(f"{node.module}.{name}" for name in names)]
        for name in names:
            key = _prefixed(name, table)
            if key is None or key in seen or one.own(name) or guards.typing_only(one, node):
                continue
            if name.endswith((".exceptions", ".errors", "Error")):
                continue
            seen.add(key)
            tried = guards.tried(one, node) or guards.optional(one, node)
            yield _sign(key, "import", one.path, node.lineno, f"import {name}", tried)


def _calls(part: Part, one: Index) -> Iterator[Sign]:
    imports = tables.service_keys("imports")
    embedded = {name for known in tables.services() for name in known.embedded}
    if not any(package in _speakers() for package in one.packages):
        return
    for call in one.of(ast.Call):
        name = last(call.func)
        if name in ("client", "resource", "create_client"):
            given = call.args[0] if call.args else keyword(call, "service_name")
            what = literal(given) or ""
            if what in _BOTO:
                key = _store(part, one, call) if what == "s3" else _BOTO[what]
                optional = guards.optional(one, call)
                yield _sign(key, "call", one.path, call.lineno, f"boto3 {what}", optional)
                continue
        called = one.foreign(call.func)
        if not called or called in embedded or _in_process(called, call):
            continue
        found = _CLASSES.get(called)
        if found is None and called.startswith(("langchain", "llama_index")):
            found = _LANGCHAIN.get(name)
        if found is None and called.endswith("URL.create") and call.args:
            found = tables.service_keys("schemes").get((literal(call.args[0]) or "").split("+")[0])
        makes = name[:1].isupper() or name.startswith(("from_", "connect", "create"))
        if found is None and makes:
            found = _prefixed(called, imports)
        if found is not None and not name.endswith(("Error", "Exception")):
            optional = guards.optional(one, call)
            yield _sign(found, "call", one.path, call.lineno, called, optional)


@cache
def _speakers() -> frozenset[str]:
    """The top-level packages of which a call may speak of a service."""
    names = [*tables.service_keys("imports"), *_CLASSES, "boto3", "aioboto3", "aiobotocore"]
    names += ["sqlalchemy", "langchain", "langchain_community", "llama_index", "botocore"]
    return frozenset(name.split(".")[0] for name in names)


def _in_process(called: str, call: ast.Call) -> bool:
    """Whether a client keeps its data in a file or in memory instead of asking a server."""
    name = called.rpartition(".")[2]
    first = literal(call.args[0]) if call.args else None
    if name in ("QdrantClient", "AsyncQdrantClient"):
        given = keyword(call, "path") or keyword(call, "location")
        return (
            first == ":memory:" or keyword(call, "path") is not None or literal(given) == ":memory:"
        )
    if name in ("MilvusClient", "Milvus", "AsyncMilvusClient"):
        address = first or literal(keyword(call, "uri")) or ""
        return address.endswith(".db")
    if "chroma" in called.lower():
        return name not in ("HttpClient", "AsyncHttpClient", "CloudClient")
    return name in ("FakeRedis", "FakeStrictRedis")


def _store(part: Part, one: Index, call: ast.Call) -> Key:
    """Whose object store speaks S3 here, by its address."""
    address = resolve(part, one, keyword(call, "endpoint_url")) or ""
    for mark, provider in (
        ("r2.cloudflarestorage", "r2"), ("digitaloceanspaces", "spaces"), ("backblazeb2", "b2"),
        ("minio", "minio"), ("storage.googleapis", "gcs"), ("supabase", "supabase"),
    ):  # fmt: skip
        if mark in address:
            return ("s3", provider)
    return ("s3", "s3")


def _strings(one: Index) -> Iterator[Sign]:
    starts = tables.service_keys("strings")
    begins = tuple(starts)
    if not one.source.mentions(one.path, _texts()):
        return
    for node in one.strings:
        text = str(node.value)
        if "://" in text:
            key = scheme_key(text)
            if key is not None and _is_address(one, node, text):
                optional = guards.optional(one, node)
                yield _sign(key, "url", one.path, node.lineno, "address", optional)
        elif "ODBC Driver" in text or "{SQL Server" in text:
            yield _sign(("sqlserver", ""), "url", one.path, node.lineno, "ODBC")
        elif text.startswith(begins):
            for start, key in starts.items():
                if text.startswith(start) and (text == start or "." in start):
                    optional = guards.optional(one, node)
                    yield _sign(key, "url", one.path, node.lineno, text, optional)
                    break
    for target, value in one.assigned:
        name = literal(target.slice) if isinstance(target, ast.Subscript) else last(target)
        key = _TYPES.get((literal(value) or "").lower()) if name in _TYPE_NAMES else None
        if key is not None:
            optional = guards.optional(one, value)
            yield _sign(key, "url", one.path, value.lineno, name or "", optional)


@cache
def _texts() -> frozenset[str]:
    """One of these stands in every file whose texts may speak of a service."""
    starts = {start.split(".")[0] for start in tables.service_keys("strings")}
    return frozenset({"://", "ODBC Driver", "SQL Server", *_TYPE_NAMES, *starts})


def _is_address(one: Index, node: ast.Constant, text: str) -> bool:
    """Whether a text with a scheme is used as an address, and not shown or compared."""
    rest = text.partition("://")[2]
    for place, above in enumerate(one.above(node)):
        if place == 0 and not rest and not isinstance(above, ast.JoinedStr | ast.BinOp):
            return False
        if isinstance(above, ast.Compare | ast.Raise | ast.Expr) and place < 4:
            return isinstance(above, ast.Expr) and place > 1
        if isinstance(above, ast.Call) and place < 3:
            return last(above.func) not in _NO_ADDRESS
        if isinstance(above, ast.keyword) and above.arg in _TELLING:
            return False
        if isinstance(above, ast.stmt):
            break
    # Of an object: a bucket. Of a sentence: words after the address.
    return " " not in rest.strip() and (not text.startswith("s3") or len(text) >= 6)


def _prefixed(name: str, table: dict[str, Key]) -> Key | None:
    parts = name.split(".")
    for length in range(min(len(parts), 4), 0, -1):
        key = table.get(".".join(parts[:length]))
        if key is not None:
            return key
    return None


def _sign(
    key: Key, how: str, file: str, line: int, note: str, optional: bool = False
) -> Sign:  # fmt: skip
    proof = Proof(kind="source", rule=f"services.{how}", file=file, line=line, note=note[:100])
    return Sign(key=key, how=how, optional=optional, proof=proof)
