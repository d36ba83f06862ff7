"""Services: databases, caches, queues, stores and models outside the app's process."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from seatrial.kernel.values import Value
from seatrial.kernel.workload import Dependency, Proof, Service, ServiceKind
from seatrial.profiler.detectors import env
from seatrial.profiler.reach import aliases, full_name, imported, literal
from seatrial.profiler.source import Source

# Distributions whose only use is to talk to the service.
DRIVERS: dict[str, ServiceKind] = {
    "psycopg": "postgresql", "psycopg2": "postgresql", "psycopg2-binary": "postgresql",
    "psycopg-binary": "postgresql", "asyncpg": "postgresql", "pg8000": "postgresql",
    "pymysql": "mysql", "mysqlclient": "mysql", "mysql-connector-python": "mysql",
    "aiomysql": "mysql", "mariadb": "mysql",
    "pymongo": "mongodb", "motor": "mongodb", "mongoengine": "mongodb", "flask-pymongo": "mongodb",
    "redis": "redis", "flask-redis": "redis", "valkey": "redis", "aioredis": "redis",
    "pika": "rabbitmq", "aio-pika": "rabbitmq", "aiosqlite": "sqlite",
    "openai": "llm", "anthropic": "llm", "cohere": "llm", "litellm": "llm", "together": "llm",
    "mistralai": "llm", "groq": "llm", "google-genai": "llm", "google-generativeai": "llm",
    "elasticsearch": "elasticsearch", "opensearch-py": "elasticsearch", "s3fs": "s3", "minio": "s3",
}  # fmt: skip
IMPORTS: dict[str, ServiceKind] = {
    "psycopg": "postgresql", "psycopg2": "postgresql", "asyncpg": "postgresql",
    "pg8000": "postgresql", "pymysql": "mysql", "MySQLdb": "mysql", "mysql.connector": "mysql",
    "aiomysql": "mysql", "mariadb": "mysql", "pymongo": "mongodb", "motor": "mongodb",
    "mongoengine": "mongodb", "flask_pymongo": "mongodb", "redis": "redis", "flask_redis": "redis",
    "valkey": "redis", "aioredis": "redis", "pika": "rabbitmq", "aio_pika": "rabbitmq",
    "sqlite3": "sqlite", "aiosqlite": "sqlite", "openai": "llm", "anthropic": "llm",
    "cohere": "llm", "litellm": "llm", "together": "llm", "mistralai": "llm", "groq": "llm",
    "google.genai": "llm", "google.generativeai": "llm", "elasticsearch": "elasticsearch",
    "opensearchpy": "elasticsearch", "s3fs": "s3", "minio": "s3",
}  # fmt: skip
_SCHEMES: dict[str, ServiceKind] = {
    "postgres": "postgresql", "postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql",
    "mongodb": "mongodb", "redis": "redis", "rediss": "redis", "valkey": "redis",
    "sqlite": "sqlite", "amqp": "rabbitmq", "amqps": "rabbitmq", "s3": "s3",
}  # fmt: skip
_URL = re.compile(r"\s*([a-z]+\d?)(?:\+[a-z_]\w*)?://", re.IGNORECASE)
# Which service a variable's name speaks of; the SQL ones are told apart by the driver.
_NAMES: tuple[tuple[str, tuple[ServiceKind, ...]], ...] = (
    (r"DATABASE_UR[LI]|(SQLALCHEMY_)?DATABASE_URI|DB_UR[LI]", ("postgresql", "mysql", "sqlite")),
    (r"(POSTGRES\w*|PG)_?(UR[LI]|HOST|DSN)", ("postgresql",)),
    (r"(MYSQL|MARIADB)_?(UR[LI]|HOST|DSN)", ("mysql",)),
    (r"MONGO(DB)?_?(UR[LI]|HOST|DSN)", ("mongodb",)),
    (r"(REDIS|VALKEY)_?\w*(UR[LI]|HOST|DSN)", ("redis",)),
    (r"(RABBITMQ|AMQP)_?(UR[LI]|HOST|DSN)", ("rabbitmq",)),
    (r"(ELASTICSEARCH|ELASTIC|OPENSEARCH)_?(UR[LI]|HOST)", ("elasticsearch",)),
    (r"(OPENAI|ANTHROPIC|COHERE|MISTRAL|GROQ|TOGETHER|GEMINI|GOOGLE)_API_KEY", ("llm",)),
    (r"(AWS_)?S3_?(BUCKET\w*|ENDPOINT\w*)", ("s3",)),
)
_SQL = ("postgresql", "mysql", "sqlite")


class Sign(Value):
    """One thing in the source that speaks of a service, the strongest first."""

    kind: ServiceKind
    how: str
    proof: Proof


def detect(
    source: Source, paths: Sequence[str], dependencies: Sequence[Dependency]
) -> tuple[Service, ...]:
    """The services the files use, each once, with the strongest proof.

    A driver or URL in a file that the app never imports is not looked at. A service is not
    required when its variable has a default that leads elsewhere, or none is needed because
    SQLite stands in.
    """
    reads = env.reads(source, paths)
    signs = [sign for path in paths for sign in _signs(source, path)]
    installed = {d.name: d for d in reversed(dependencies)}
    for name, dependency in sorted(installed.items()):
        if name in DRIVERS:
            note = f"driver {name}"
            file, line = dependency.proof.file, dependency.proof.line
            signs.append(_sign(DRIVERS[name], "driver", file, line, note))
    by_kind: dict[ServiceKind, list[Sign]] = {}
    for sign in signs:
        by_kind.setdefault(sign.kind, []).append(sign)
    chosen = _variables(reads, by_kind)
    sqlite = any(sign.how == "url" for sign in by_kind.get("sqlite", []))
    services: list[Service] = []
    for kind, found in sorted(by_kind.items()):
        read = chosen.get(kind)
        if kind == "sqlite" and all(sign.how == "import" for sign in found):
            continue  # only imported: no file of it is named anywhere
        used = [sign for sign in found if sign.how != "driver"]
        if not used and read is None:
            continue  # installed, but nothing in the app speaks of it
        # The variable says most, then the code that uses the service, then the driver.
        proof = used[0].proof if used else found[0].proof
        if read is not None and kind != "sqlite":
            note = next((s.proof.note for s in found if s.how == "driver"), "")
            proof = Proof(
                kind="source", rule="services.variable", file=read.file, line=read.line, note=note
            )
        required = not (
            kind in ("postgresql", "mysql") and sqlite and (read is None or not read.required)
        )
        if read is not None and read.has_default and read.default:
            scheme = _kind_of(read.default)
            required = required and scheme in (None, kind)
        services.append(Service(
            kind=kind, env=read.name if read is not None and kind != "sqlite" else "",
            required=required, proof=proof,
        ))  # fmt: skip
    return tuple(services)


def _variables(
    reads: Sequence[env.Read], by_kind: dict[ServiceKind, list[Sign]]
) -> dict[ServiceKind, env.Read]:
    """The variable that carries a service's address, by its name or by its default."""
    found: dict[ServiceKind, env.Read] = {}
    for read in sorted(reads, key=lambda read: (not read.required, read.file, read.line)):
        kinds: tuple[ServiceKind, ...] = ()
        for pattern, named in _NAMES:
            if re.fullmatch(rf"(\w+_)?({pattern})", read.name, re.IGNORECASE):
                kinds = named
                break
        own = _kind_of(read.default)
        if own is not None and own not in kinds and own not in _SQL:
            kinds = (*kinds, own)
        for kind in kinds:
            if len(kinds) == 1 or kind in by_kind:
                found.setdefault(kind, read)
                if len(kinds) == 1 and kind not in by_kind:
                    by_kind[kind] = [
                        _sign(kind, "variable", read.file, read.line, read.name)
                    ]  # fmt: skip
    return found


def _signs(source: Source, path: str) -> list[Sign]:
    names = aliases(source, path)
    found: list[Sign] = []
    for node in source.nodes(path):
        for name, line in imported(node):
            parts = name.split(".")
            for length in (2, 1):
                kind = IMPORTS.get(".".join(parts[:length]))
                if kind is not None:
                    found.append(_sign(kind, "import", path, line, f"import {name}"))
                    break
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            kind = _kind_of(node.value)
            if kind is not None:
                # The address may hold a password: only its kind is told.
                how = "url"
                if kind == "s3" and len(node.value) < 6:
                    continue
                found.append(_sign(kind, how, path, node.lineno, "address"))
        elif isinstance(node, ast.Call):
            found += _called(path, node, names)
    order = ("call", "url", "import")
    return sorted(found, key=lambda sign: (order.index(sign.how), sign.proof.line))


def _called(path: str, node: ast.Call, names: dict[str, str]) -> list[Sign]:
    called, first = full_name(node.func, names), literal(node.args[0]) if node.args else None
    if called == "sqlite3.connect":
        return [_sign("sqlite", "call", path, node.lineno, called)]
    if called.endswith("URL.create") and first is not None:
        kind = _SCHEMES.get(first.split("+")[0])
        return [_sign(kind, "url", path, node.lineno, called)] if kind else []
    if called in ("boto3.client", "boto3.resource") or called.endswith((".client", ".resource")):
        kind = _boto(first)
        return [_sign(kind, "call", path, node.lineno, f"boto3 {first}")] if kind else []
    return []


def _boto(name: str | None) -> ServiceKind | None:
    if name == "s3":
        return "s3"
    return "llm" if name in ("bedrock-runtime", "bedrock-agent-runtime") else None


def _kind_of(text: str) -> ServiceKind | None:
    found = _URL.match(text)
    return _SCHEMES.get(found[1].lower()) if found else None


def _sign(kind: ServiceKind, how: str, file: str, line: int, note: str) -> Sign:
    proof = Proof(kind="source", rule=f"services.{how}", file=file, line=line, note=note)
    return Sign(kind=kind, how=how, proof=proof)
