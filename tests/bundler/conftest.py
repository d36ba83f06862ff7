"""Workloads, designs and bundles to test with."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from seatrial.bundler.bundle import bundle
from seatrial.bundler.files import BundleFiles, digest_of
from seatrial.bundler.write import MANIFEST
from seatrial.kernel.demand import AppSettings, Settings
from seatrial.kernel.design import Database, Design
from seatrial.kernel.workload import Component, Dependency, Proof, Service, Workload

PROOF = Proof(kind="source", rule="test", file="requirements.txt", line=1)
WHEEL = ("seatrial_runtime-0.1.0-py3-none-any.whl", b"not read by anybody here")
SIZES = {
    "aws-fargate": "512/1024",
    "aws-ecs-ec2": "t4g.small",
    "aws-lambda": "1024",
    "aws-lightsail": "small",
    "this-machine": "2x1024",
}
NASTY = {
    "A_MUCH_LONGER_NAME": "$$ `x` $(y) #{z} <<EOF",
    "API_URL": "https://user:planted-in-url@example.com/",
    "PLAIN": "1",
    "QUOTES": "a\"b'c\\d ${e} %{if f} $${g} %%{h} $$${i}\n\t\r",
    "SECRET_KEY": "planted-by-name",
    "UNICODE": "é 日本 😀 \u2028 \x01 \x7f",
}


def workload(**changes: object) -> Workload:
    web = Component(
        name="web", kind="web", framework="flask", interface="wsgi",
        entry="wsgi:app",
        command=("flask", "run"), port=8000,
        services=(Service(kind="postgresql", env="DATABASE_URL", required=False, proof=PROOF),),
    )  # fmt: skip
    fields: dict[str, object] = {
        "app": "Furlong",
        "source_digest": "0" * 16,
        "requirements_file": "requirements.txt",
        "dependencies": (Dependency(name="flask", specifier="==3.1.3", proof=PROOF),),
        "build": (("python", "-m", "furlong.train"),),
        "components": (web,),
    }
    return Workload(**{**fields, **changes})  # type: ignore[arg-type]


def design(platform: str, **changes: object) -> Design:
    fields: dict[str, object] = {
        "platform": platform, "region": "eu-west-1", "size": SIZES.get(platform, "x"),
        "vcpu": 0.5, "memory_mib": 1024, "replicas_min": 2, "replicas_max": 2,
        "workers": 1, "threads": 4, "servers": 2 if platform == "aws-ecs-ec2" else 0,
    }  # fmt: skip
    return Design(**{**fields, **changes})  # type: ignore[arg-type]


def database(platform: str, kind: str) -> Database | None:
    if kind == "none":
        return None
    return Database(instance="db.t4g.small", storage_gib=30, multi_az=kind == "multi")


def files_for(
    platform: str, database_kind: str = "none", *, scales: bool = False, nasty: bool = False
) -> BundleFiles:
    """The files of one case of the matrix."""
    app = AppSettings(env=NASTY if nasty else {}, data_env="DATA_DIR" if nasty else "")
    changes = {"replicas_max": 6} if scales else {}
    made = design(platform, database=database(platform, database_kind), **changes)
    return bundle(workload(), Settings(app=app), made, WHEEL)


def matrix() -> list[tuple[str, str, bool, bool]]:
    """Every platform with every database, with and without scaling and nasty variables."""
    cases = product(SIZES, ("none", "single", "multi"), (False, True), (False, True))
    return [
        (platform, kind, scales, nasty)
        for platform, kind, scales, nasty in cases
        if not (platform == "aws-lightsail" and scales)
        and not (platform == "this-machine" and kind == "multi")
    ]


@pytest.fixture
def make_workload() -> Callable[..., Workload]:
    return workload


@pytest.fixture
def make_design() -> Callable[..., Design]:
    return design


@pytest.fixture
def make_files() -> Callable[..., BundleFiles]:
    return files_for


@pytest.fixture
def wheel() -> tuple[str, bytes]:
    return WHEEL


@pytest.fixture
def all_cases() -> dict[str, BundleFiles]:
    """The whole matrix, by name."""
    return {
        f"{platform}-{kind}-{'scales' if scales else 'fixed'}-{'nasty' if nasty else 'plain'}":
            files_for(platform, kind, scales=scales, nasty=nasty)
        for platform, kind, scales, nasty in matrix()
    }  # fmt: skip


@pytest.fixture
def digest_on_disk() -> Callable[[Path], str | None]:
    """The digest of what lies in a folder; none when it is not what its manifest says."""

    def digest(folder: Path) -> str | None:
        lines = (folder / MANIFEST).read_text().splitlines()
        wanted = {path: sha256 for sha256, path in (line.split("  ", 1) for line in lines)}
        found = {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in wanted}
        return digest_of(found) if found == wanted else None

    return digest


@pytest.fixture
def terraform() -> str:
    path = shutil.which("terraform")
    if path is None:
        pytest.skip("terraform is not installed")
    return path


@pytest.fixture
def plugin_dir() -> Path:
    """A mirror that has the AWS provider; without one nothing here can be validated."""
    named = os.environ.get("SEATRIAL_TERRAFORM_PLUGIN_DIR", "")
    if not list(Path(named).glob("registry.terraform.io/hashicorp/aws/5.*")) if named else True:
        pytest.skip("SEATRIAL_TERRAFORM_PLUGIN_DIR names no mirror with the AWS provider 5")
    return Path(named)
