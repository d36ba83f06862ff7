"""Workload: what the app is, each fact with its proof."""

from __future__ import annotations

from typing import Literal

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


class Fact(Value):
    """One thing known about a component.

    `rule` names the detector rule, `subject` what it is about (a package, a path, a variable),
    `value` the detail. `confidence` is 1.0 for what the source states outright.
    """

    rule: str
    subject: str
    value: str = ""
    confidence: float = 1.0
    proof: Proof


class Dependency(Value):
    """A distribution the app asks for, as written: `flask`, `==3.1.3`."""

    name: str
    specifier: str = ""
    proof: Proof


ServiceKind = Literal[
    "postgresql", "mysql", "mongodb", "redis", "sqlite", "rabbitmq", "s3", "llm", "elasticsearch"
]


class Service(Value):
    """Something outside the app's process that it uses.

    `env` names the variable that carries its address, when there is one. `required` is false
    when the app runs without it (PostgreSQL by DATABASE_URL with SQLite as the default).
    """

    kind: ServiceKind
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


class Measured(Value):
    """What booting a component told.

    Memory is the proportional set size (shared pages split between those who share them) of
    one worker after all routes were served.
    """

    boot_s: float
    memory_mib_worker: float
    memory_mib_idle: float
    machine: str
    proof: Proof


ComponentKind = Literal["web", "worker", "scheduler", "frontend", "model"]


class Component(Value):
    """One process type of the app and how it starts.

    `entry` is `module:attr`; `factory` says that `attr` is called to get the app. `command`
    starts the component, with `{port}` where the port goes. `app_dir` is the folder, relative
    to the app's root, that has to be on `sys.path`.
    """

    name: str
    kind: ComponentKind
    framework: str
    entry: str
    factory: bool = False
    app_dir: str = "."
    command: tuple[str, ...]
    port: int
    facts: tuple[Fact, ...] = ()
    routes: tuple[Route, ...] = ()
    services: tuple[Service, ...] = ()
    measured: Measured | None = None


class Workload(Value):
    """The app: its components, its dependencies and its source's digest."""

    app: str
    source_digest: str
    python_requires: str = ""
    dependencies: tuple[Dependency, ...] = ()
    requirements_file: str = ""
    build: tuple[tuple[str, ...], ...] = ()
    components: tuple[Component, ...]

    @property
    def web(self) -> Component:
        """The component that answers requests; the profiler refuses an app without one."""
        return next(component for component in self.components if component.kind == "web")
