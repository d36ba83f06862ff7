"""Designs and settings that cannot be built are refused with what, where and fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seatrial.bundler.bundle import bundle
from seatrial.bundler.environment import is_secret
from seatrial.kernel.demand import AppSettings, Settings
from seatrial.kernel.design import Database, Design
from seatrial.kernel.errors import InputError, SettingsError
from seatrial.kernel.workload import Workload

MakeWorkload = Callable[..., Workload]
MakeDesign = Callable[..., Design]


@pytest.mark.parametrize(
    ("platform", "changes", "said"),
    [
        ("gcp-cloud-run", {}, "no templates"),
        ("aws-fargate", {"vcpu": 0.3, "memory_mib": 700}, "Fargate sells no task"),
        ("aws-fargate", {"vcpu": 4.0, "memory_mib": 4096}, "Fargate sells no task"),
        ("aws-fargate", {"region": 'x" {'}, "not an AWS region"),
        ("aws-fargate", {"replicas_min": 0}, "needs a replica"),
        ("aws-fargate", {"replicas_min": 3, "replicas_max": 2}, "needs a replica"),
        ("aws-fargate", {"workers": 0}, "workers and threads"),
        ("aws-fargate", {"database": Database(instance="nope")}, "not an RDS instance class"),
        ("aws-fargate", {"database": Database(instance="db.t4g.micro", storage_gib=5)}, "20 GiB"),
        ("aws-ecs-ec2", {"size": "small"}, "not an EC2 instance type"),
        ("aws-ecs-ec2", {"servers": 0}, "at least one server"),
        ("aws-lambda", {"memory_mib": 20480}, "Lambda takes 128 to 10240 MiB"),
        ("aws-lightsail", {"size": "huge"}, "not one of nano"),
        ("aws-lightsail", {"replicas_max": 6}, "does not scale"),
        ("this-machine", {"database": Database(instance="x", multi_az=True)}, "no second zone"),
    ],
)
def test_designs(
    platform: str,
    changes: dict[str, Any],
    said: str,
    make_workload: MakeWorkload,
    make_design: MakeDesign,
    wheel: tuple[str, bytes],
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        bundle(make_workload(), Settings(), make_design(platform, **changes), wheel)
    assert caught.value.fix and caught.value.where


def test_a_function_scales_to_zero(
    make_workload: MakeWorkload, make_design: MakeDesign, wheel: tuple[str, bytes]
) -> None:
    assert bundle(make_workload(), Settings(), make_design("aws-lambda", replicas_min=0), wheel)


@pytest.mark.parametrize(
    ("platform", "env", "said"),
    [
        ("aws-fargate", {"A B": "1"}, "not a variable's name"),
        ("aws-fargate", {"": "1"}, "not a variable's name"),
        ("aws-fargate", {"1A": "1"}, "not a variable's name"),
        ("aws-fargate", {"SEATRIAL_WORKERS": "9"}, "set from the design"),
        ("aws-fargate", {"A": "nul \0"}, "no process"),
        ("aws-fargate", {"A": "half \ud800"}, "no process"),
        ("aws-fargate", {"A": "x" * 40_000}, "bytes together"),
        ("aws-lambda", {"A": "x" * 5_000}, "aws-lambda takes 4096"),
        ("aws-lambda", {"AWS_REGION": "x"}, "Lambda sets"),
    ],
)
def test_variables(
    platform: str,
    env: dict[str, str],
    said: str,
    make_workload: MakeWorkload,
    make_design: MakeDesign,
    wheel: tuple[str, bytes],
) -> None:
    settings = Settings(app=AppSettings(env=env))
    with pytest.raises(SettingsError, match=said) as caught:
        bundle(make_workload(), settings, make_design(platform), wheel)
    assert "app.env" in caught.value.where and caught.value.fix


@pytest.mark.parametrize(
    ("app", "key"),
    [
        (AppSettings(ready_path="no-slash"), "ready_path"),
        (AppSettings(ready_path='/x" y'), "ready_path"),
        (AppSettings(data_env="A-B"), "data_env"),
    ],
)
def test_settings(
    app: AppSettings,
    key: str,
    make_workload: MakeWorkload,
    make_design: MakeDesign,
    wheel: tuple[str, bytes],
) -> None:
    with pytest.raises(SettingsError) as caught:
        bundle(make_workload(), Settings(app=app), make_design("aws-fargate"), wheel)
    assert key in caught.value.where


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("OPENAI_API_KEY", "x", True),
        ("SECRET_KEY_BASE", "x", True),
        ("DB_PASSWORD", "x", True),
        ("SENTRY_DSN", "x", True),
        ("CACHE", "redis://user:hunter2@cache/0", True),
        ("CACHE", "redis://cache/0", False),
        ("MAX_TOKENS", "4096", False),
        ("KEYBOARD", "x", False),
        ("DEBUG", "0", False),
    ],
)
def test_secrets_are_told_apart(name: str, value: str, secret: bool) -> None:
    assert is_secret(name, value) is secret


def test_the_database_sets_its_address(
    make_workload: MakeWorkload, make_design: MakeDesign, wheel: tuple[str, bytes]
) -> None:
    settings = Settings(app=AppSettings(env={"DATABASE_URL": "sqlite:///here.db"}))
    with_database = make_design("aws-fargate", database=Database(instance="db.t4g.micro"))
    made = bundle(make_workload(), settings, with_database, wheel)
    for file in made.files:
        assert b"sqlite:///here.db" not in file.content
    readme = next(file for file in made.files if file.path == "README.md").content.decode()
    assert "The value of `DATABASE_URL` in the settings is not used" in readme
    alone = bundle(make_workload(), settings, make_design("aws-fargate"), wheel)
    assert any(b"sqlite:///here.db" in file.content for file in alone.files)
