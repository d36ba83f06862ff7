"""Services: databases, caches, queues, stores and models outside the app's process."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from seatrial.kernel.workload import Fact, Proof, Service, ServiceKind
from seatrial.profiler.detectors import env, guards, llm, service_signs, tables
from seatrial.profiler.detectors.env_read import Read
from seatrial.profiler.detectors.index import indexes
from seatrial.profiler.detectors.service_signs import Sign
from seatrial.profiler.detectors.settings_modules import with_settings
from seatrial.profiler.detectors.tables import Key
from seatrial.profiler.part import Part
from seatrial.profiler.reach import last
from seatrial.profiler.rules import fact

_SQL: tuple[ServiceKind, ...] = ("postgresql", "mysql", "sqlserver", "sqlite")
# Names that say only what for: which kind it is, the driver or the default says.
_ANY_SQL = ("DATABASE_URL", "DATABASE_URI", "DB_URL", "DB_URI", "DB_HOST", "DATABASE_HOST", "DSN",
            "DB_DSN", "DB_SERVER", "DATABASE_DSN", "SQLALCHEMY_URL", "DB_CONNECTION_STRING",
            "DATABASE_SERVER", "SQL_HOST", "DB_HOSTNAME")  # fmt: skip
_BROKERS: tuple[ServiceKind, ...] = ("redis", "rabbitmq", "sqs", "kafka")
_ANY_BROKER = ("BROKER_URL", "CELERY_BROKER", "RESULT_BACKEND", "BROKER", "QUEUE_URL", "CACHE_URL")
_STORES: tuple[ServiceKind, ...] = (
    "qdrant", "weaviate", "milvus", "pinecone", "chroma", "elasticsearch",
)  # fmt: skip
_TESTS = re.compile(r"(^|_)(TEST|TESTING|CI)(_|$)", re.IGNORECASE)
_DEVELOPMENT = re.compile(r"(^|_)(DEV|DEVELOPMENT|LOCAL|DEBUG|STAGING)(_|$)", re.IGNORECASE)
_WEAK = ("driver", "image", "example")
_ORDER = ("call", "url", "setting", "import", "driver", "image", "example")
# Any of these shows in an app that uses SQLite by name; the module alone does not say so.
_NAMED_ONLY: tuple[ServiceKind, ...] = ("sqlite",)


def detect(part: Part) -> tuple[Service, ...]:
    """The services a component uses, each kind and provider once, with the strongest proof.

    A driver or address in a file that the component never imports is not looked at, and a
    package that is installed says nothing by itself. A service is not required when its variable
    has a default that leads elsewhere, when SQLite stands in for it, or when the code that needs
    it runs only if a setting asks for it.
    """
    signs = [
        *service_signs.in_code(part), *service_signs.in_files(part),
        *service_signs.installed(part),
    ]  # fmt: skip
    found: dict[Key, list[Sign]] = {}
    for sign in signs:
        found.setdefault(sign.key, []).append(sign)
    reads = env.reads(part)
    _merge_stores(found)
    variables = _variables(part, reads, found)
    asked = _asked(part, variables)
    services = [
        service
        for key, own in sorted(found.items())
        if (service := _service(key, own, variables.get(key), found, asked)) is not None
    ]
    return (*services, *_models(part, reads))


def facts(part: Part) -> Iterator[Fact]:
    """What the services have to offer beyond their kind."""
    for index in indexes(part):
        for name, line in index.source.imports(index.path):
            if name.split(".")[0] in ("pgvector", "langchain_postgres"):
                yield fact("service.pgvector", name, file=index.path, line=line)
                return
        for call in index.of(ast.Call):
            if last(call.func) in ("PGVector", "PGVectorStore") and index.foreign(call.func):
                yield fact("service.pgvector", "PGVector", file=index.path, line=call.lineno)
                return
        for node in index.strings:
            if "EXTENSION" in str(node.value) and _creates_vector(str(node.value)):
                yield fact("service.pgvector", "vector", file=index.path, line=node.lineno)
                return


def _creates_vector(text: str) -> bool:
    words = text.upper().replace('"', " ").replace(";", " ").split()
    return "EXTENSION" in words and "VECTOR" in words


def _asked(part: Part, variables: dict[Key, Read]) -> frozenset[str]:
    """The names that conditions are about, in the files that name one of the variables."""
    loose = [read for read in variables.values() if not read.required and not read.has_default]
    names = frozenset({name for read in loose for name in (read.name, read.held)} - {""})
    if not names:
        return names
    files = (one for one in with_settings(part) if part.source.mentions(one.path, names))
    return names & frozenset(name for one in files for name in guards.asked(one))


def _service(
    key: Key,
    signs: list[Sign],
    read: Read | None,
    found: dict[Key, list[Sign]],
    asked: frozenset[str],
) -> Service | None:
    kind, provider = key
    signs = sorted(signs, key=lambda sign: _ORDER.index(sign.how))
    strong = [sign for sign in signs if sign.how not in _WEAK]
    if kind in _NAMED_ONLY and all(sign.how in ("import", *_WEAK) for sign in signs):
        return None
    if kind == "chroma" and not any(sign.how in ("call", "setting") for sign in signs):
        return None  # without a client for a server it keeps its data in a folder
    if not strong and read is None:
        # Installed, and an example or a compose file speaks of it.
        if {sign.how for sign in signs} < {"driver", "image", "example"} and len(
            {sign.how for sign in signs}
        ) < 2:
            return None
        if not any(sign.how == "driver" for sign in signs):
            return None
    proof, variable = _proof(kind, signs, strong, read)
    if not variable:
        variable = next((s.proof.note for s in signs if s.how == "example"), "")
    required = _required(kind, strong, read, found)
    if read is not None and not read.required and not read.has_default:
        # `url: str | None = None`, or `if REDIS_URL:` somewhere.
        required = required and not (read.optional or {read.name, read.held} & asked - {""})
    return Service(kind=kind, provider=provider, env=variable, required=required, proof=proof)


def _proof(
    kind: ServiceKind, signs: list[Sign], strong: list[Sign], read: Read | None
) -> tuple[Proof, str]:
    """The variable says most, then the code that uses the service, then the driver."""
    if read is None or kind == "sqlite":
        best = (strong or [s for s in signs if s.how != "driver"] or signs)[0].proof
        return best, ""
    note = next((s.proof.note for s in signs if s.how == "driver"), "")
    proof = Proof(
        kind="source", rule="services.variable", file=read.file, line=read.line, note=note
    )
    return proof, read.name


def _required(
    kind: ServiceKind, strong: list[Sign], read: Read | None, found: dict[Key, list[Sign]]
) -> bool:
    if read is not None and read.required:
        return True
    if read is not None and read.default:
        own = service_signs.scheme_key(read.default)
        if own is not None and own[0] != kind:
            return False
    sqlite = any(sign.how in ("url", "setting") for sign in found.get(("sqlite", ""), ()))
    if kind in ("postgresql", "mysql", "sqlserver") and sqlite:
        return False
    if kind in _STORES and sum((other, "") in found for other in _STORES) > 1:
        return False  # one of several, chosen by a setting
    calls = [sign for sign in strong if sign.how == "call"]
    used = calls or strong
    return not used or not all(sign.optional for sign in used)


def _merge_stores(found: dict[Key, list[Sign]]) -> None:
    """boto3 that speaks to MinIO, R2 or Spaces is one store, not two."""
    others = [key for key in found if key[0] == "s3" and key[1] not in ("s3", "gcs", "azure-blob")]
    plain = found.get(("s3", "s3"))
    if len(others) != 1 or plain is None:
        return
    if not any(sign.how in ("call", "import", "setting") for sign in plain):
        found[others[0]] += found.pop(("s3", "s3"))


def _variables(part: Part, reads: Sequence[Read], found: dict[Key, list[Sign]]) -> dict[Key, Read]:
    """The variable that carries each service's address, by its name or by its default."""
    chosen: dict[Key, Read] = {}
    for read in _in_order(reads):
        for key in _keys(part, read, found):
            chosen.setdefault(key, read)
            if key not in found or all(sign.how in _WEAK for sign in found[key]):
                proof = Proof(
                    kind="source", rule="services.variable", file=read.file, line=read.line,
                    note=read.name,
                )  # fmt: skip
                sign = Sign(key=key, how="setting", optional=not read.required, proof=proof)
                found.setdefault(key, []).append(sign)
    return chosen


def _in_order(reads: Sequence[Read]) -> list[Read]:
    """The reads that say most first: those of production, and required ones."""
    return sorted(
        (read for read in reads if not _TESTS.search(read.name)),
        key=lambda read: (
            bool(_DEVELOPMENT.search(read.name)),
            not read.required,
            read.file,
            read.line,
        ),
    )


def _keys(part: Part, read: Read, found: dict[Key, list[Sign]]) -> list[Key]:
    """The services that a variable may lead to."""
    name = read.name.upper()
    own = service_signs.scheme_key(read.default)
    if name.endswith(_ANY_SQL):
        keys = [(kind, "") for kind in _SQL if (kind, "") in found]
        named = service_signs.variable_key(name)
        if named is not None and named[0] in _SQL:
            keys = [named]
        if own is not None and own[0] in _SQL and own not in keys and own[0] != "sqlite":
            keys.append(own)
        return [key for key in keys if key[0] != "sqlite"]
    key = service_signs.variable_key(name)
    if key is None and name.endswith(_ANY_BROKER):
        if own is not None:
            return [own]
        there = [(kind, "") for kind in _BROKERS if (kind, "") in found]
        if not there and "celery" in part.packages | set(part.dependencies):
            return [("rabbitmq", "")]  # what Celery speaks when nobody says
        return there[:1]
    if key is None:
        return [own] if own is not None and own[0] not in _SQL else []
    if own is not None and own[0] == key[0]:
        key = own if own[1] == key[1] else key
    if key in found or read.required or own is not None:
        return [key]
    # A name alone, with nothing installed that could use it, says too little.
    known = next(s for s in tables.services() if (s.kind, s.provider) == key)
    usable = not part.dependencies or not known.drivers or _is_plain(key)
    return [key] if usable else []


def _is_plain(key: Key) -> bool:
    """Whether a service is spoken to without a package of its own: boto3 and smtplib do."""
    return key[0] in ("s3", "sqs", "smtp")


def _models(part: Part, reads: Sequence[Read]) -> Iterator[Service]:
    """One service for each provider of language models."""
    signs: dict[str, list[llm.Sign]] = {}
    for sign in llm.signs(part):
        signs.setdefault(sign.provider, []).append(sign)
    keys: dict[str, Read] = {}
    for read in _in_order(reads):
        provider = _key_of(read.name)
        if provider:
            keys.setdefault(provider, read)
    for provider in sorted(signs or keys):
        own, key = signs.get(provider, []), keys.get(provider)
        proof = _model_proof(own, key)
        required = not own or not all(sign.optional for sign in own)
        if len(signs or keys) > 1:
            # One of several: needed when the app does not start without its key.
            required = (key is not None and key.required) or any(s.top for s in own)
        yield Service(
            kind="llm", provider=provider, env=key.name if key else "", required=required,
            proof=proof,
        )  # fmt: skip


def _model_proof(signs: list[llm.Sign], key: Read | None) -> Proof:
    if key is not None and (key.required or not signs):
        return Proof(
            kind="source", rule="services.variable", file=key.file, line=key.line, note=key.name
        )
    sign = signs[0]
    rule = "services.import" if sign.how == "import" else "services.call"
    note = f"import {sign.note}" if sign.how == "import" else sign.note
    return Proof(kind="source", rule=rule, file=sign.file, line=sign.line, note=note[:100])


def _key_of(name: str) -> str:
    """The provider whose key a variable holds: `OPENAI_API_KEY`, `APP_OPENAI_API_KEY`."""
    upper = name.upper()
    table = tables.provider_ids("env")
    if upper in table:
        return table[upper]
    best = max((one for one in table if upper.endswith(f"_{one}")), key=len, default="")
    return table.get(best, "")
