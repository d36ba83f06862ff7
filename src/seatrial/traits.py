"""An app that is only described: a Workload from stated traits, where there is no source.

A file in the form of seatrial.toml with a section [traits] beside the others says what a profile
would have found. Each trait says in `stated` where it is from, which becomes its proof. Service
times are taken as log-normal with the stated mean and variation.
"""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

import msgspec

from seatrial import settings
from seatrial.files import read_limited
from seatrial.kernel.demand import Settings
from seatrial.kernel.errors import AppError, SettingsError
from seatrial.kernel.values import Value, digest, from_json
from seatrial.kernel.workload import (
    Component,
    Fact,
    Interface,
    Measured,
    Proof,
    Route,
    Service,
    ServiceKind,
    ServiceTime,
    Severity,
    Workload,
)

RULE = "traits"
QUANTILES = 40
SECTION = "traits"


class RouteTraits(Value):
    """One route: its mean wall and processor time, and how much they vary."""

    path: str
    mean_ms: float
    cpu_ms: float
    scv: float = 1.0
    response_kib: float = 16.0
    stated: str


class ServiceTraits(Value):
    """A service that the app uses."""

    kind: ServiceKind
    provider: str = ""
    required: bool = True
    stated: str


class BesideTraits(Value):
    """A component that runs beside: a worker or a scheduler, and the memory of its process."""

    name: str
    kind: Literal["worker", "scheduler"] = "worker"
    framework: str
    memory_mib_worker: float
    stated: str


class FactTraits(Value):
    """Something that is known of the app, under the rule of the profile that would find it."""

    rule: str
    subject: str
    value: str = ""
    severity: Severity = "info"
    fix: str = ""
    file: str = ""
    line: int = 0
    stated: str


class Traits(Value):
    """What is said of an app: how it is served, what a worker needs, and what it uses."""

    name: str
    framework: str
    interface: Interface = "wsgi"
    memory_mib_worker: float
    boot_s: float
    routes: tuple[RouteTraits, ...]
    services: tuple[ServiceTraits, ...] = ()
    beside: tuple[BesideTraits, ...] = ()
    facts: tuple[FactTraits, ...] = ()
    stated: str


def read(path: Path) -> tuple[Workload, Settings]:
    """What a file says of an app and of its demand.

    A `.json` file is a Workload as `seatrial profile --json` prints it, under the default demand.
    """
    data = read_limited(path, settings.LIMIT_BYTES)
    if path.suffix == ".json":
        return _workload(data, path), Settings()
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise SettingsError("is not UTF-8", where=str(path), fix="save it as UTF-8") from error
    return parse(text, str(path))


def parse(text: str, where: str) -> tuple[Workload, Settings]:
    """The same of the text of a TOML file; `where` names it in errors."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"is not TOML: {error}", where=where, fix="correct it") from None
    stated = tables.pop(SECTION, None)
    if stated is None:
        raise AppError(
            "says nothing of the app", where=where,
            fix="add a section [traits], as in examples/plans; or give a workload as JSON",
        )  # fmt: skip
    wanted = settings.interpret(tables, text, where)
    try:
        traits = msgspec.convert(stated, Traits)
    except msgspec.ValidationError as error:
        raise SettingsError(f"[{SECTION}] {error}", where=where, fix="correct it") from None
    _check(traits, where)
    return workload(traits, where), wanted


def _workload(data: bytes, path: Path) -> Workload:
    try:
        return from_json(data, Workload)
    except msgspec.DecodeError as error:
        raise AppError(
            f"is no workload: {error}", where=str(path),
            fix="write it by `seatrial profile APP --json`",
        ) from error  # fmt: skip


def _check(traits: Traits, where: str) -> None:
    numbers: dict[str, Any] = {
        "memory_mib_worker": (traits.memory_mib_worker, 0),
        "boot_s": (traits.boot_s, None),
    }
    for part in traits.beside:
        numbers[f"{part.name} memory_mib_worker"] = (part.memory_mib_worker, 0)
    for route in traits.routes:
        numbers[f"{route.path} mean_ms"] = (route.mean_ms, 0)
        numbers[f"{route.path} cpu_ms"] = (route.cpu_ms, None)
        numbers[f"{route.path} scv"] = (route.scv, None)
        numbers[f"{route.path} response_kib"] = (route.response_kib, None)
        if route.cpu_ms > route.mean_ms:
            numbers[f"{route.path} cpu_ms above mean_ms"] = (math.nan, None)
    for name, (value, above) in numbers.items():
        if not math.isfinite(value) or value < 0 or value == above:
            raise SettingsError(
                f"[{SECTION}] {name} is no usable number", where=where,
                fix="give times and sizes above 0, and no more processor than wall time",
            )  # fmt: skip
    if not traits.routes:
        raise SettingsError(f"[{SECTION}] has no routes", where=where, fix="state one at least")


def workload(traits: Traits, where: str) -> Workload:
    """The workload that the traits describe."""

    def proof(stated: str, file: str = where, line: int = 0, rule: str = RULE) -> Proof:
        return Proof(kind="declared", rule=rule, file=file, line=line, note=stated)

    component = Component(
        name="web",
        kind="web",
        framework=traits.framework,
        interface=traits.interface,
        entry="app:app",
        command=(),
        port=8000,
        facts=tuple(
            Fact(
                rule=one.rule, subject=one.subject, value=one.value, severity=one.severity,
                fix=one.fix, proof=proof(one.stated, one.file or where, one.line, one.rule),
            )
            for one in traits.facts
        ),
        routes=tuple(
            Route(
                path=one.path, methods=("GET",), endpoint=_endpoint(one.path),
                proof=proof(one.stated), service_time=_service_time(one),
            )
            for one in traits.routes
        ),
        services=tuple(
            Service(
                kind=one.kind, provider=one.provider, required=one.required,
                proof=proof(one.stated, rule=f"service.{one.kind}"),
            )
            for one in traits.services
        ),
        measured=Measured(
            boot_s=traits.boot_s,
            memory_mib_worker=traits.memory_mib_worker,
            memory_mib_idle=traits.memory_mib_worker,
            machine="stated, not measured",
            proof=proof(traits.stated),
        ),
    )  # fmt: skip
    beside = tuple(
        Component(
            name=one.name, kind=one.kind, framework=one.framework, entry=one.name, command=(),
            port=0, measured=Measured(
                boot_s=traits.boot_s, memory_mib_worker=one.memory_mib_worker,
                memory_mib_idle=one.memory_mib_worker, machine="stated, not measured",
                proof=proof(one.stated),
            ),
        )
        for one in traits.beside
    )  # fmt: skip
    return Workload(app=traits.name, source_digest=digest(traits), components=(component, *beside))


def _endpoint(path: str) -> str:
    """The function that answers a route: what facts name it by, as in "in analyze()"."""
    return path.strip("/").rpartition("/")[2] or "index"


def _service_time(route: RouteTraits) -> ServiceTime:
    """Log-normal quantiles whose mean is exactly the stated one."""
    sigma = math.sqrt(math.log1p(route.scv))
    normal = NormalDist()
    shape = [math.exp(sigma * normal.inv_cdf((i + 0.5) / QUANTILES)) for i in range(QUANTILES)]
    scale = route.mean_ms * QUANTILES / sum(shape)
    return ServiceTime(
        requests=0,
        mean_ms=route.mean_ms,
        cpu_ms_mean=route.cpu_ms,
        scv=route.scv,
        quantiles_ms=tuple(round(scale * one, 6) for one in shape),
        response_bytes_mean=route.response_kib * 1024,
    )
