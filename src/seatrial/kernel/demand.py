"""Demand: what is asked of the app; and Settings, the whole of seatrial.toml."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from seatrial.kernel.runtime import RuntimeSettings
from seatrial.kernel.values import Value

_OFFICE = (1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 13, 11, 13, 14, 13, 11, 8, 5, 3, 2, 2, 1, 1)
_EVENING = (4, 2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 7, 7, 7, 8, 9, 11, 13, 15, 16, 14, 11, 7)

SHAPES: dict[str, tuple[float, ...]] = {
    "flat": (1.0,) * 24,
    # Weight of each hour from midnight. Working hours and leisure, the two daily shapes most
    # sites show; give 24 numbers of your own where you have them.
    "office": _OFFICE,
    "evening": _EVENING,
    # Of each hour of the week from Monday midnight: nobody works at the weekend, or most come then.
    "office-hours": _OFFICE * 5 + (1,) * 48,
    "weekend": _EVENING * 5 + tuple(3 * weight for weight in _EVENING) * 2,
}


class Event(Value):
    """Traffic is `factor` times the usual from `hour` (0 to 168, from Monday midnight) on."""

    hour: float
    duration_h: float
    factor: float


class Traffic(Value):
    """How much is asked: `requests_per_day` of an average day, spread by `hourly_weights`.

    These are 24 of every day alike, or the 168 of a week from Monday midnight.
    `growth_year` is how many times as much it is after a year. `dispersion_1s` and `dispersion_60s`
    are variance over mean of the requests counted in seconds and in minutes: 1 when they come
    independently, more when they come in bursts. `daily_users` is who makes them, none where that
    is not stated.
    """

    requests_per_day: float = 20_000.0
    daily_users: float | None = None
    hourly_weights: tuple[float, ...] = SHAPES["evening"]
    route_weights: dict[str, float] = {}
    growth_year: float = 1.0
    dispersion_1s: float = 1.0
    dispersion_60s: float = 1.0
    events: tuple[Event, ...] = ()

    @property
    def peak_rps(self) -> float:
        """Mean request rate of the busiest hour, in requests per second."""
        weights = self.hourly_weights
        return self.requests_per_day * max(weights) / sum(weights) / 3600 * (len(weights) / 24)

    @property
    def weekly_weights(self) -> tuple[float, ...]:
        """The 168 hours of the week from Monday midnight; their mean is one."""
        mean = sum(self.hourly_weights) / len(self.hourly_weights)
        one = tuple(weight / mean for weight in self.hourly_weights)
        return one if len(one) == 168 else one * 7


class Slo(Value):
    """What is promised to users: availability per month, latency at the load balancer."""

    availability_percent: float = 99.9
    latency_ms_p95: float = 500.0
    latency_ms_p99: float = 1500.0


class Budget(Value):
    """What may be spent a month, and what an hour of work costs; none given means no limit.

    With `ops_usd_hour` designs are compared by cloud and work together.
    """

    cost_usd_month: Decimal | None = None
    ops_usd_hour: Decimal | None = None


class RecoveryTargets(Value):
    """How long the app may be gone after a loss, and how much data may be lost; none: no limit.

    `rto_s` and `rpo_s` are for the loss of a zone, the others for that of a region.
    """

    rto_s: float | None = None
    rpo_s: float | None = None
    region_rto_s: float | None = None
    region_rpo_s: float | None = None


Standard = Literal["gdpr", "ccpa", "soc2", "hipaa", "pci-dss"]


class Compliance(Value):
    """What has to be kept: standards, and where data may lie.

    `residency` are countries (ISO 3166, `DE`) or areas (`eu`, `us`); empty: anywhere.
    """

    standards: tuple[Standard, ...] = ()
    residency: tuple[str, ...] = ()


class Preferences(Value):
    """What the owner wants of the decision beyond what has to be kept.

    `weights` by dimension replace the order by cost; `commitments` are the terms that may be
    bought, such as `reserved-1y-none` or `spot`; `platforms` are the only ones looked at (empty:
    all), `without` are left out.
    """

    weights: dict[str, float] = {}
    commitments: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class Llm(Value):
    """What the language models that the app calls do to it, what it does about that, and its use.

    A call is refused with `throttled_percent`, as rate limits do, and given up after `timeout_s`;
    it is asked again up to `retries` times. Then a `fallback` answers, or the request fails.

    `model` is one of the catalogue, as `bedrock/claude-haiku-4-5`; empty: the one that the source
    names. `calls_per_day` none: one for each request of a route that calls a model. The tokens of
    a mean call are none where nobody knows them.
    """

    throttled_percent: float = 0.0
    timeout_s: float = 60.0
    retries: int = 0
    fallback: bool = False
    model: str = ""
    calls_per_day: float | None = None
    input_tokens_call: float | None = None
    output_tokens_call: float | None = None


class Work(Value):
    """What workers do of an average day: tasks, and the mean seconds of one in its process.

    They come as the requests do over the day. None: not known.
    """

    tasks_per_day: float | None = None
    task_s: float | None = None


class Uploads(Value):
    """Files that visitors send and that are kept in object storage.

    `per_day` none: one for each request of a route that takes files. `mib` is the mean size of
    one, `kept_days` how long it stays; none: not known.
    """

    per_day: float | None = None
    mib: float | None = None
    kept_days: float | None = None


class Demand(Value):
    """Traffic, SLO, budget, recovery and compliance; language models, workers and uploads.

    `region` is the region, of any provider, nearest to the users.
    """

    traffic: Traffic = Traffic()
    slo: Slo = Slo()
    budget: Budget = Budget()
    recovery: RecoveryTargets = RecoveryTargets()
    compliance: Compliance = Compliance()
    preferences: Preferences = Preferences()
    region: str = "us-east-1"
    llm: Llm = Llm()
    work: Work = Work()
    uploads: Uploads = Uploads()


class AppSettings(Value):
    """What only the author knows about the app; everything else is read from its source."""

    name: str = ""
    entry: str = ""
    build: tuple[str, ...] = ()
    env: dict[str, str] = {}
    data_env: str = ""
    ready_path: str = "/"
    examples: dict[str, str] = {}


class DeploySettings(Value):
    """How the local engine runs the app.

    `replicas` run at least; with a `replicas_max` above that, `scaling` decides how many.
    """

    replicas: int = 2
    replicas_max: int = 0
    scaling: Literal["target-tracking", "hpa"] = "target-tracking"
    port: int = 8080


class MachineSettings(Value):
    """What this machine costs, and since when, when it is to compete with the clouds."""

    cost_usd_month: Decimal | None = None
    cost_as_of: str = ""


class Settings(Value):
    """The whole of seatrial.toml."""

    app: AppSettings = AppSettings()
    demand: Demand = Demand()
    deploy: DeploySettings = DeploySettings()
    runtime: RuntimeSettings = RuntimeSettings()
    machine: MachineSettings = MachineSettings()
