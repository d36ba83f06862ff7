"""Workload: what the app is, each fact with its proof."""

from __future__ import annotations

from typing import Literal

from seatrial.kernel.errors import AppError
from seatrial.kernel.values import Value

ProofKind = Literal["source", "declared", "measured", "assumed"]


class Proof(Value):
    """Why a fact is believed.

    `file` and `line` point into the app (line 0: the whole file) or into a catalogue file;
    `note` carries the measurement, or the reason of an assumption.
    """

    kind: ProofKind
    rule: str
    file: str = ""
    line: int = 0
    note: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return " ".join(part for part in (place, f"({self.note})" if self.note else "") if part)


Severity = Literal["high", "medium", "low", "info"]


class Fact(Value):
    """One thing known about a component.

    `rule` names the detector rule, `subject` what it is about (a package, a path, a variable),
    `value` the detail. `confidence` is 1.0 for what the source states outright. A fact that is
    a danger in production has a `severity` other than `info`, and a `fix`.
    """

    rule: str
    subject: str
    value: str = ""
    severity: Severity = "info"
    fix: str = ""
    confidence: float = 1.0
    proof: Proof


class Dependency(Value):
    """A distribution the app asks for, as written: `flask`, `==3.1.3`."""

    name: str
    specifier: str = ""
    proof: Proof


ServiceKind = Literal[
    "postgresql", "mysql", "mongodb", "sqlite", "sqlserver", "redis", "memcached",
    "rabbitmq", "kafka", "sqs", "s3", "elasticsearch", "qdrant", "weaviate", "milvus", "pinecone",
    "chroma", "neo4j", "smtp", "llm",
]  # fmt: skip


class Service(Value):
    """Something outside the app's process that it uses.

    `env` names the variable that carries its address, when there is one. `required` is false
    when the app runs without it (PostgreSQL by DATABASE_URL with SQLite as the default).
    `provider` says whose, where one kind has many: `openai`, `bedrock`, `gcs`.
    """

    kind: ServiceKind
    provider: str = ""
    env: str = ""
    required: bool = True
    proof: Proof


class ServiceTime(Value):
    """Service time of one route, measured one request at a time (no queueing).

    `quantiles_ms` are 40 mid-quantiles ((i + 0.5) / 40) of the wall time in milliseconds;
    `cpu_ms_mean` the processor time the worker spent per request; `scv` the squared
    coefficient of variation of the wall time; `response_bytes_mean` the mean body size.
    """

    requests: int
    mean_ms: float
    cpu_ms_mean: float
    scv: float
    quantiles_ms: tuple[float, ...]
    response_bytes_mean: float


class Route(Value):
    """One URL rule of the app, with its service time once measured.

    `examples` are paths with the parameters filled in, the ones that were measured;
    `unmeasured` says why there is no service time.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: str
    proof: Proof
    examples: tuple[str, ...] = ()
    service_time: ServiceTime | None = None
    unmeasured: str = ""


class Concurrency(Value):
    """Latency of one route while `requests` of it are in flight at a time, on one worker."""

    requests: int
    latency_ms_p50: float
    latency_ms_p95: float
    throughput_rps: float


class Measured(Value):
    """What booting a component told.

    `boot_s` is the time until the first good answer. Memory is the proportional set size
    (shared pages split between those who share them) of one worker: at idle, and after all
    routes were served; `memory_mib_second_worker` what a second worker adds,
    `memory_mib_per_1000_requests` how the memory still grows after the warm-up. `concurrency`
    tells how latency grows with requests in flight, for the route named by
    `concurrency_route`.
    """

    boot_s: float
    memory_mib_worker: float
    memory_mib_idle: float
    memory_mib_second_worker: float | None = None
    memory_mib_per_1000_requests: float | None = None
    concurrency_route: str = ""
    concurrency: tuple[Concurrency, ...] = ()
    machine: str
    proof: Proof


ComponentKind = Literal["web", "worker", "scheduler", "frontend", "model"]
Interface = Literal["wsgi", "asgi", "command"]


class Component(Value):
    """One process type of the app and how it starts.

    `interface` is how it is served: `wsgi` and `asgi` name an app object, for which `entry` is
    `module:attr` and `factory` says that `attr` is called to get the app; a `command` runs
    `entry`, which is a file (`app.py`), a module (`-m shop`) or a script that the app installs.
    `app_dir` is the folder, relative to the app's root, that has to be on `sys.path`.
    `command` starts the component as its field does, with `{port}` where the port goes; `port`
    is the one it listens on, 0 when it listens on none.
    """

    name: str
    kind: ComponentKind
    framework: str
    interface: Interface = "command"
    entry: str
    factory: bool = False
    app_dir: str = "."
    command: tuple[str, ...]
    port: int
    facts: tuple[Fact, ...] = ()
    routes: tuple[Route, ...] = ()
    services: tuple[Service, ...] = ()
    measured: Measured | None = None

    @property
    def sticky(self) -> bool:
        """Whether a visitor's requests have to reach the replica that holds the session."""
        return any(fact.rule == "state.sticky-sessions" for fact in self.facts)


class Workload(Value):
    """The app: its components, the main one first, its dependencies and its source's digest.

    `requirements_file` is what an installer is pointed at. The facts of a component are about
    the files it may run; the main one also has those of the whole source.
    """

    app: str
    source_digest: str
    python_requires: str = ""
    dependencies: tuple[Dependency, ...] = ()
    requirements_file: str = ""
    build: tuple[tuple[str, ...], ...] = ()
    components: tuple[Component, ...]

    @property
    def web(self) -> Component:
        """The component that answers requests; `AppError` when the app has none."""
        for component in self.components:
            if component.kind == "web":
                return component
        names = ", ".join(f"{c.name} ({c.framework})" for c in self.components)
        raise AppError(
            f"the app answers no requests: it is {names}", where=self.app,
            fix="name the web app in seatrial.toml:\n[app]\nentry = \"module:attr\"",
        )  # fmt: skip
