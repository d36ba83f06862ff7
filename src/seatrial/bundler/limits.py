"""What a platform refuses at `apply` time, said before: sizes, regions, database classes.

`terraform validate` checks none of these.
"""

from __future__ import annotations

import re

from seatrial.kernel.design import Database, Design
from seatrial.kernel.errors import InputError
from seatrial.kernel.workload import Workload

PLATFORMS = ("aws-fargate", "aws-ecs-ec2", "aws-lambda", "aws-lightsail", "this-machine")
"""The platforms there are templates for."""

LIGHTSAIL_POWERS = ("nano", "micro", "small", "medium", "large", "xlarge")
"""docs.aws.amazon.com/lightsail, ContainerService.power, read 2026-11-21."""

LIGHTSAIL_SCALE_MAX = 20
"""docs.aws.amazon.com/lightsail, ContainerService.scale, read 2026-11-21."""

# vCPU units -> (smallest, largest, step) of the memory in MiB. "Task CPU and memory",
# docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html, 2026-11-21.
_FARGATE_MEMORY: dict[int, tuple[int, int, int]] = {
    512: (1024, 4096, 1024),
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
_FARGATE_SMALLEST = (512, 1024, 2048)  # MiB allowed with 256 units

_LAMBDA_MEMORY_MIB = (128, 10240)

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_INSTANCE = re.compile(r"[a-z0-9-]+\.[a-z0-9-]+")
_RDS_CLASS = re.compile(r"db\.[a-z0-9-]+\.[a-z0-9]+")

# Services that are reached over the internet, with the ports they are reached at.
SERVICE_PORTS: dict[str, tuple[int, ...]] = {
    "postgresql": (5432,),
    "mysql": (3306,),
    "mongodb": (27017,),
    "redis": (6379,),
    "rabbitmq": (5671, 5672),
    "elasticsearch": (9200,),
}


def check_design(design: Design) -> None:
    """Raise `InputError` for a design that cannot be built."""
    if design.platform not in PLATFORMS:
        raise InputError(
            f"there are no templates for the platform {design.platform!a}",
            where=design.id,
            fix=f"choose one of {', '.join(PLATFORMS)}",
        )
    if design.standby is not None:
        raise InputError(
            f"the standby in {design.standby.region} cannot be written yet",
            where=design.id,
            fix="set it up by hand, or ask for less in [recovery] region_rto_s and region_rpo_s",
        )
    least = 0 if design.platform == "aws-lambda" else 1  # a function without requests has none
    if not least <= design.replicas_min <= max(1, design.replicas_min) <= design.replicas_max:
        raise _wrong(design, "it needs a replica at least, and no more at the least than at most")
    if design.workers < 1 or design.threads < 1:
        raise _wrong(design, "workers and threads have to be at least 1")
    if design.vcpu <= 0 or design.memory_mib <= 0:
        raise _wrong(design, "a replica needs processor and memory")
    if design.platform.startswith("aws-") and not _REGION.fullmatch(design.region):
        raise _wrong(design, f"{design.region!a} is not an AWS region")
    _check_size(design)
    if design.database:
        _check_database(design, design.database)


def _check_size(design: Design) -> None:
    if design.platform == "aws-fargate" and not _fargate_sells(design):
        raise _wrong(
            design, f"Fargate sells no task of {design.vcpu:g} vCPU with {design.memory_mib} MiB"
        )
    if design.platform == "aws-ecs-ec2":
        if not _INSTANCE.fullmatch(design.size):
            raise _wrong(design, f"{design.size!a} is not an EC2 instance type")
        if design.servers < 1:
            raise _wrong(design, "a design on EC2 needs at least one server")
    smallest, largest = _LAMBDA_MEMORY_MIB
    if design.platform == "aws-lambda" and not smallest <= design.memory_mib <= largest:
        raise _wrong(design, f"Lambda takes {smallest} to {largest} MiB, not {design.memory_mib}")
    if design.platform == "aws-lightsail":
        if design.size not in LIGHTSAIL_POWERS:
            raise _wrong(design, f"{design.size!a} is not one of {', '.join(LIGHTSAIL_POWERS)}")
        if design.replicas_max > LIGHTSAIL_SCALE_MAX:
            raise _wrong(design, f"Lightsail runs at most {LIGHTSAIL_SCALE_MAX} replicas")
        if design.replicas_min != design.replicas_max:
            raise _wrong(design, "Lightsail does not scale by itself: min and max have to be equal")


def _fargate_sells(design: Design) -> bool:
    units = design.vcpu * 1024
    if units == 256:
        return design.memory_mib in _FARGATE_SMALLEST
    smallest, largest, step = _FARGATE_MEMORY.get(int(units), (1, 0, 1))
    fits = smallest <= design.memory_mib <= largest and design.memory_mib % step == 0
    return fits and units == int(units)


def _check_database(design: Design, database: Database) -> None:
    if design.platform == "this-machine":
        if database.multi_az:
            raise _wrong(design, "one machine has no second zone for the database")
        return
    if database.storage_gib < 20:
        raise _wrong(design, "gp3 storage of PostgreSQL starts at 20 GiB")
    if not _RDS_CLASS.fullmatch(database.instance):
        raise _wrong(design, f"{database.instance!a} is not an RDS instance class")


def outside_ports(design: Design, workload: Workload) -> tuple[tuple[str, int], ...]:
    """The services beyond HTTPS that a replica has to reach over the internet, with their ports."""
    kinds = {service.kind for service in workload.web.services}
    if design.database:
        kinds.discard("postgresql")
    return tuple((kind, port) for kind in sorted(kinds) for port in SERVICE_PORTS.get(kind, ()))


def _wrong(design: Design, what: str) -> InputError:
    return InputError(what, where=design.id, fix="plan again; do not edit the plan by hand")
