"""Apps whose sessions live in a replica: visitors are led back to theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hcl2
import pytest
import yaml

from seatrial.bundler.bundle import bundle
from seatrial.bundler.files import BundleFiles
from seatrial.kernel.demand import Settings
from seatrial.kernel.workload import Component, Fact, Proof, Workload


def _text(files: BundleFiles, path: str) -> str:
    return next(file.content.decode() for file in files.files if file.path == path)


@pytest.fixture
def made(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> Callable[[str, bool], BundleFiles]:
    def one(platform: str, sticky: bool) -> BundleFiles:
        proof = Proof(kind="source", rule="state.sticky-sessions", file="app.py", line=1)
        facts = (Fact(rule="state.sticky-sessions", subject="streamlit", proof=proof),)
        web = Component(
            name="web", kind="web", framework="streamlit", entry="app.py", port=8501,
            command=("streamlit", "run", "app.py"), facts=facts if sticky else (),
        )  # fmt: skip
        return bundle(make_workload(components=(web,)), Settings(), make_design(platform), wheel)

    return one


@pytest.mark.parametrize("sticky", [False, True])
def test_the_load_balancer_has_a_cookie(made: Any, sticky: bool) -> None:
    parsed = hcl2.loads(_text(made("aws-fargate", sticky), "terraform/balancer.tf"))
    [group] = [
        next(iter(named.values()))
        for kinds in parsed["resource"]
        for kind, named in kinds.items()
        if kind.strip('"') == "aws_lb_target_group"
    ]
    assert ("stickiness" in group) == sticky


@pytest.mark.parametrize("sticky", [False, True])
def test_the_proxy_of_one_machine_has_one_too(made: Any, sticky: bool) -> None:
    config = yaml.safe_load(_text(made("this-machine", sticky), "envoy.yaml"))
    [cluster] = config["static_resources"]["clusters"]
    assert cluster["lb_policy"] == ("RING_HASH" if sticky else "LEAST_REQUEST")
    assert ("seatrial_replica" in str(config)) == sticky
