"""Apps that are only described: their traits become a workload, wrong ones are refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial import traits
from seatrial.kernel.errors import InputError
from seatrial.kernel.values import to_json

PLANS = Path(__file__).parents[2] / "examples/plans"
ROUTE = 'routes = [{ path = "/", mean_ms = 20, cpu_ms = 5, stated = "said so" }]'
GOOD = f"""
[traits]
name = "shop"
framework = "flask"
memory_mib_worker = 200
boot_s = 2
stated = "a document"
{ROUTE}
[demand]
requests_per_day = 5
"""


def test_the_examples_are_workloads() -> None:
    found = {path.stem: traits.read(path) for path in sorted(PLANS.glob("*.toml"))}
    assert len(found) == 5
    for name, (workload, _) in found.items():
        assert workload.app == name
        proofs = [r.proof for r in workload.web.routes] + [f.proof for f in workload.web.facts]
        assert all(proof.note for proof in proofs)


def test_a_workload_as_json_comes_back(tmp_path: Path) -> None:
    workload, settings = traits.parse(GOOD, "shop.toml")
    (tmp_path / "shop.json").write_bytes(to_json(workload))
    again, _ = traits.read(tmp_path / "shop.json")
    assert again == workload
    assert settings.demand.traffic.requests_per_day == 5


WRONG = [
    ("", "says nothing of the app"),
    (GOOD.replace("boot_s = 2", "boot_s = -1"), "boot_s"),
    (GOOD.replace("boot_s = 2", "boot_s = nan"), "boot_s"),
    (GOOD.replace("memory_mib_worker = 200", "memory_mib_worker = 0"), "memory_mib_worker"),
    (GOOD.replace("cpu_ms = 5", "cpu_ms = 21"), "cpu_ms above mean_ms"),
    (GOOD.replace("mean_ms = 20", "mean_ms = inf"), "mean_ms"),
    (GOOD.replace(ROUTE, "routes = []"), "no routes"),
    (GOOD.replace("boot_s", "boots_s"), "boot"),
    (GOOD.replace('"flask"', "3"), "framework"),
    (GOOD + "[demands]\n", "demands"),
    ("[traits", "TOML"),
]


@pytest.mark.parametrize(("text", "named"), WRONG)
def test_wrong_traits_are_told(text: str, named: str) -> None:
    with pytest.raises(InputError) as caught:
        traits.parse(text, "shop.toml")
    assert named in str(caught.value) and "shop.toml" in caught.value.where


@pytest.mark.parametrize("data", [b"{}", b"\xff", b"[1"])
def test_wrong_json_is_told(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "shop.json").write_bytes(data)
    with pytest.raises(InputError, match="no workload"):
        traits.read(tmp_path / "shop.json")


@given(st.floats(1, 1e5), st.floats(0, 20))
def test_service_times_keep_their_mean(mean_ms: float, scv: float) -> None:
    text = GOOD.replace("mean_ms = 20", f"mean_ms = {mean_ms}, scv = {scv}")
    workload, _ = traits.parse(text.replace("cpu_ms = 5", "cpu_ms = 0"), "shop.toml")
    time = workload.web.routes[0].service_time
    assert time is not None
    assert math.isclose(sum(time.quantiles_ms) / 40, mean_ms, rel_tol=1e-5)
    assert list(time.quantiles_ms) == sorted(time.quantiles_ms)
