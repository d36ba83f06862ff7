"""Recipe: everything the templates need, read from the nouns once and checked."""

from __future__ import annotations

import math
import re

from seatrial.bundler.environment import Environment, read_environment
from seatrial.bundler.image import Image, read_image
from seatrial.bundler.limits import check_design, outside_ports
from seatrial.bundler.quoting import slug
from seatrial.kernel.demand import Demand, Settings
from seatrial.kernel.design import Design
from seatrial.kernel.errors import SettingsError
from seatrial.kernel.values import Value
from seatrial.kernel.workload import Component, Workload

START_S_MIN = 120
"""A replica gets two minutes to become ready, or five times the measured boot time."""

DRAIN_DELAY_S = {"aws-fargate": 10, "aws-ecs-ec2": 10, "aws-lightsail": 10, "this-machine": 5}
"""How long a stopping replica goes on serving, so that whoever spreads the requests has noticed:
one health check of the load balancer, two of Envoy. A function has nobody in front of it."""

IDLE_TIMEOUT_S_MIN = 60
IDLE_TIMEOUT_S_MAX = 4000
"""What an Application Load Balancer uses by default, and the most it takes: Elastic Load Balancing
API, LoadBalancerAttribute idle_timeout.timeout_seconds, read 2026-11-21."""

BURN_RATE = 10
"""The error alarm rings when errors use up the month's budget ten times too fast."""

ERRORS_MIN = 5
"""Fewer errors than this in five minutes never ring the alarm."""

_ARM_FAMILY = re.compile(r"[a-z]+\d+g[a-z0-9-]*\..+")  # t4g, m7gd, c8gn: Graviton
_READY_PATH = re.compile(r"/[A-Za-z0-9._~!&'()*+,;=:@%/?-]{0,1000}")


class Recipe(Value):
    """One design of one app, ready to be written down.

    `name` is the slug that all resources carry. `errors_5xx_max` is per five minutes;
    `data_env` names the variable that points the app to a folder it may write, `data_dir`.
    """

    app: str
    name: str
    design: Design
    image: Image
    environment: Environment
    database_env: str
    data_env: str
    data_dir: str
    ready_path: str
    start_s: int
    idle_timeout_s: int
    latency_s_p95: float
    errors_5xx_max: int
    outside_ports: tuple[tuple[str, int], ...]
    arm: bool
    port: int
    sticky: bool

    @property
    def cpu_units(self) -> int:
        """1,024 units are one vCPU."""
        return round(self.design.vcpu * 1024)

    @property
    def variables(self) -> dict[str, str]:
        """The plain variables of a replica: the app's, and those the design decides."""
        ours = {
            "SEATRIAL_DRAIN_DELAY_S": str(DRAIN_DELAY_S.get(self.design.platform, 0)),
            "SEATRIAL_READY_PATH": self.ready_path,
            "SEATRIAL_START_TIMEOUT_S": str(self.start_s),
            "SEATRIAL_THREADS": str(self.design.threads),
            "SEATRIAL_WORKERS": str(self.design.workers),
        }
        if self.data_env:
            ours[self.data_env] = self.data_dir
        return dict(sorted({**self.environment.plain, **ours}.items()))

    @property
    def scales(self) -> bool:
        """Whether the number of replicas follows the load."""
        return self.design.replicas_max > self.design.replicas_min


def read_recipe(workload: Workload, settings: Settings, design: Design, wheel: str) -> Recipe:
    """Read what the templates need; raises an `InputError` that names what cannot be built."""
    check_design(design)
    web = workload.web
    database_env = next((s.env for s in web.services if s.kind == "postgresql" and s.env), "")
    database_env = (database_env or "DATABASE_URL") if design.database else ""
    app = settings.app.name or workload.app
    boot_s = web.measured.boot_s if web.measured else 0.0
    return Recipe(
        app=app,
        name=slug(app),
        design=design,
        image=read_image(workload, wheel),
        environment=read_environment(
            settings.app.env, design.platform, {database_env, settings.app.data_env}
        ),
        database_env=database_env,
        data_env=_data_env(settings.app.data_env),
        data_dir="/tmp/data" if design.platform == "aws-lambda" else "/data",
        ready_path=_ready_path(settings.app.ready_path),
        start_s=max(START_S_MIN, math.ceil(boot_s * 5)),
        idle_timeout_s=_idle_timeout_s(web),
        latency_s_p95=settings.demand.slo.latency_ms_p95 / 1000,
        errors_5xx_max=_errors_5xx_max(settings.demand),
        outside_ports=outside_ports(design, workload),
        arm=design.platform == "aws-ecs-ec2" and _ARM_FAMILY.fullmatch(design.size) is not None,
        port=settings.deploy.port,
        sticky=web.sticky,
    )


def _idle_timeout_s(web: Component) -> int:
    measured = [route.service_time for route in web.routes if route.service_time]
    slowest_ms = max((max(time.quantiles_ms, default=0.0) for time in measured), default=0.0)
    return min(IDLE_TIMEOUT_S_MAX, max(IDLE_TIMEOUT_S_MIN, math.ceil(slowest_ms * 2 / 1000)))


def _errors_5xx_max(demand: Demand) -> int:
    budget = (100 - demand.slo.availability_percent) / 100
    return max(ERRORS_MIN, math.ceil(BURN_RATE * budget * demand.traffic.peak_rps * 300))


def _data_env(name: str) -> str:
    if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise SettingsError(
            f"{name!a} is not a variable's name",
            where="seatrial.toml: app.data_env",
            fix="use letters, digits and underscores, and start with a letter",
        )
    return name


def _ready_path(path: str) -> str:
    if not _READY_PATH.fullmatch(path):
        raise SettingsError(
            f"{path!a} is not a path a load balancer can ask for",
            where="seatrial.toml: app.ready_path",
            fix='begin with "/" and use printable ASCII without spaces',
        )
    return path
