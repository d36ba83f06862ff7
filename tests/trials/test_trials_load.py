"""Real requests over real sockets to a server in a process of its own."""

from __future__ import annotations

import gc
import http.client
import resource
import socket
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest

from seatrial.kernel.errors import InputError
from seatrial.trials import client, load
from seatrial.trials.generator import Schedule, Target, schedule
from seatrial.trials.load import LoadResult, Progress, run_load


def plan(
    *paths: str, seed: int = 1, rate: float = 100, duration: float = 1, weights: Any = None
) -> Schedule:
    weights = weights or [1] * len(paths)
    targets = (Target(route=p, path=p, weight=w) for p, w in zip(paths, weights, strict=True))
    return schedule(seed, rate, duration, tuple(targets))


def kinds_by_path(result: LoadResult) -> dict[str, Counter[str]]:
    drawn = result.schedule
    counts: dict[str, Counter[str]] = {target.path: Counter() for target in drawn.targets}
    for target, kind in zip(drawn.target, result.kinds, strict=True):
        counts[drawn.targets[target].path][kind] += 1
    return counts


def test_every_error_is_counted_under_its_kind(server: Any, monkeypatch: Any) -> None:
    """Each path always goes wrong in the same way, so the schedule says how many of each."""
    monkeypatch.setattr(client, "ANSWER_BYTES_MAX", 200_000)
    expected = {
        "/ok": "ok",
        "/204": "ok",
        "/redirect": "ok",
        "/chunked": "ok",
        "/early": "ok",
        "/until-close": "ok",
        "/404": "http-4xx",
        "/500": "http-5xx",
        "/503": "http-5xx",
        "/reset": "reset",
        "/eof": "reset",
        "/garbage": "bad-body",
        "/twice": "bad-body",
        "/trailing": "bad-body",
        "/short": "bad-body",
        "/half-head": "bad-body",
        "/long-head": "bad-body",
        "/long-body": "bad-body",
        "/hang": "timeout",
        "/drip": "timeout",
    }
    drawn = plan(*expected, rate=150, duration=2)
    result = run_load(server.url, drawn, timeout_s=2.5, warm_up_s=0)
    asked = Counter(drawn.targets[target].path for target in drawn.target)
    assert set(asked) == set(expected), "the schedule asks for everything"
    assert kinds_by_path(result) == {
        path: Counter({kind: asked[path]}) for path, kind in expected.items()
    }
    assert server.seen()["requests"] == len(drawn.at_us), "nothing is sent twice or not at all"
    for kind, latency_us in zip(result.kinds, result.latency_us, strict=True):
        assert (latency_us >= 2_500_000) == (kind == "timeout")


def in_flight_max(result: LoadResult) -> int:
    """How many requests were on their way at once, at most."""
    at_us, late_us = np.array(result.schedule.at_us), np.array(result.late_us)
    sent, done = at_us + late_us, at_us + np.array(result.latency_us)
    return max(int(((sent <= moment) & (moment <= done)).sum()) for moment in sent)


def test_connections_are_kept(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many are opened as there were requests on their way at once, however slow the machine."""
    monkeypatch.setattr(client, "IDLE_S_MAX", 60.0)
    result = run_load(server.url, plan("/ok", rate=200, duration=1), warm_up_s=0)
    assert set(result.kinds) == {"ok"}
    # One more is that of the question itself.
    assert server.seen()["connections"] <= in_flight_max(result) + 1


def test_the_warm_up_is_sent_but_not_counted(server: Any) -> None:
    drawn = plan("/ok", rate=200, duration=1)
    result = run_load(server.url, drawn, warm_up_s=0.5)
    assert set(result.kinds) == {"ok"}
    assert len(result.kinds) == len(result.latency_us) == len(drawn.at_us)
    seen = server.seen()
    assert 50 < result.warm_up_requests < 150
    assert seen["requests"] == len(drawn.at_us) + result.warm_up_requests


def test_a_server_that_closes_after_each_answer_is_connected_to_each_time(server: Any) -> None:
    drawn = plan("/until-close", rate=100, duration=1)
    assert set(run_load(server.url, drawn, warm_up_s=0).kinds) == {"ok"}
    assert server.seen()["connections"] == len(drawn.at_us) + 1


def test_a_stall_shows_in_every_request_that_was_meant_to_be_sent_during_it(
    server: Any,
) -> None:
    """No coordinated omission: one stall of 1 s in 3 s is a p95 of nearly 1 s.

    The server cannot go on before 1 s after the first request for /stall-once is due, so what
    is sent in between waits at least for the rest of that second: a lower bound that no machine
    is too slow for.
    """
    drawn = plan("/ok", "/stall-once", rate=200, duration=3, weights=(99, 1))
    result = run_load(server.url, drawn, warm_up_s=0)
    assert set(result.kinds) == {"ok"}
    at_us, latency_us = np.array(drawn.at_us), np.array(result.latency_us)
    start_us = drawn.at_us[drawn.target.index(1)]
    assert start_us < 1_900_000, "the stall falls into the trial"
    during = (at_us > start_us + 100_000) & (at_us < start_us + 1_000_000)
    assert during.sum() > 120
    waited_enough = latency_us[during] >= start_us + 1_000_000 - at_us[during]
    assert waited_enough.mean() > 0.95
    assert np.percentile(latency_us, 95) > 600_000
    assert np.percentile(latency_us, 99) > 800_000


def test_a_closed_loop_client_misses_the_same_stall(server: Any) -> None:
    """What the open loop is for: one slow sample in 300 leaves p99 as if nothing had been."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    latency_s = []
    for number in range(300):
        started = time.monotonic()
        connection.request("GET", "/stall-once" if number == 100 else "/ok")
        connection.getresponse().read()
        latency_s.append(time.monotonic() - started)
    connection.close()
    assert max(latency_s) >= 1
    assert np.percentile(latency_s, 99) < 0.5


def test_a_server_that_dies_ends_the_trial_in_time_and_with_the_truth(server: Any) -> None:
    drawn = plan("/ok", "/die", rate=100, duration=3.5, weights=(99, 1), seed=12)
    death = drawn.target.index(1)
    death_us = drawn.at_us[death]
    assert 500_000 < death_us < 2_500_000, "the death falls into the trial"
    started = time.monotonic()
    result = run_load(server.url, drawn, timeout_s=10, warm_up_s=0)
    assert time.monotonic() - started < 3.5 + 10
    assert server.process.wait(10) == 1
    assert set(result.kinds) == {"ok", "reset", "connect"}
    assert result.kinds[death] == "reset"
    before = [kind for kind, at in zip(result.kinds, drawn.at_us, strict=True) if at < death_us]
    after = [
        kind
        for kind, at in zip(result.kinds, drawn.at_us, strict=True)
        if at > death_us + 1_000_000
    ]
    assert before.count("ok") > 0.8 * len(before)
    assert set(after) == {"connect"}


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # Bound but not listening: nobody else can take the port.
        drawn = plan("/ok", duration=0.5)
        result = run_load(f"http://127.0.0.1:{bound.getsockname()[1]}", drawn, warm_up_s=0)
    assert set(result.kinds) == {"connect"}


def test_beyond_the_limit_in_flight_requests_are_not_sent(server: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(load, "IN_FLIGHT_MAX", 20)
    drawn = plan("/hang", rate=200, duration=0.5)
    result = run_load(server.url, drawn, timeout_s=2.5, warm_up_s=0)
    assert result.kinds[:20] == ("timeout",) * 20
    assert set(result.kinds[20:]) == {"not-sent"}
    assert server.seen()["requests"] == 20


def test_no_file_descriptor_left_is_not_the_servers_fault(server: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(load, "IN_FLIGHT_MAX", -1_000)  # Asks for no more descriptors.
    monkeypatch.setattr(load, "_SPARE_DESCRIPTORS", 0)
    monkeypatch.setattr(load._Run, "_full", lambda self, index: False)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        in_use = probe.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 12, hard))
    try:
        result = run_load(
            server.url, plan("/hang", rate=200, duration=0.3), timeout_s=2, warm_up_s=0
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    kinds = Counter(result.kinds)
    assert set(kinds) == {"timeout", "not-sent"}
    assert 1 <= kinds["timeout"] <= 20


def test_a_client_that_is_late_itself_says_so_and_counts_it_as_latency(server: Any) -> None:
    def slow(_: Progress) -> None:
        time.sleep(0.2)

    result = run_load(server.url, plan("/ok", rate=200), progress=slow, warm_up_s=0)
    late = sum(late_us > 10_000 for late_us in result.late_us)
    assert late > len(result.kinds) * 0.15
    assert all(
        late <= latency for late, latency in zip(result.late_us, result.latency_us, strict=True)
    )


def test_waits_behind_one_worker_are_those_of_queueing_theory(server: Any) -> None:
    """M/D/1 at half load: mean wait 2.5 ms (Pollaczek-Khinchine) behind a service of 5 ms.

    Lindley's recursion on the schedule is what a perfect such server would do: near the theory
    for this seed, and a floor for the mean that was measured. Only the fastest answer has a
    ceiling, and a wide one: what else the machine does is not the client's fault.
    """
    drawn = plan("/five-ms", rate=100, duration=3, seed=12)
    result = run_load(server.url, drawn, warm_up_s=0)
    assert set(result.kinds) == {"ok"}
    waits, free_us = [], 0
    for at in drawn.at_us:
        waits.append(max(0, free_us - at))
        free_us = max(free_us, at) + 5_000
    assert np.mean(waits) == pytest.approx(2_500, rel=0.35)
    assert np.mean(result.latency_us) >= np.mean(waits) + 5_000
    assert min(result.latency_us) < 50_000


def test_progress_is_told_from_start_to_end(server: Any) -> None:
    told: list[Progress] = []
    drawn = plan("/ok", "/404", rate=50, duration=1)
    result = run_load(server.url, drawn, warm_up_s=0.2, progress=told.append)
    assert told[0].sent == 0 and told[0].elapsed_s < 0
    assert [state.sent for state in told] == sorted(state.sent for state in told)
    assert told[-1].sent == told[-1].answered == len(drawn.at_us)
    assert told[-1].errors == result.kinds.count("http-4xx")
    assert told[-1].in_flight == 0


def test_an_error_in_progress_ends_the_trial_and_everything_is_put_back(server: Any) -> None:
    def broken(_: Progress) -> None:
        raise ZeroDivisionError

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(ZeroDivisionError):
        run_load(server.url, plan("/hang", duration=30), progress=broken)
    assert gc.isenabled() and gc.get_freeze_count() == 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == limit


def test_the_clock_is_a_parameter(server: Any) -> None:
    """A clock that runs twice as fast makes the trial twice as short."""
    drawn = plan("/ok", rate=50, duration=2)
    started = time.monotonic()
    result = run_load(server.url, drawn, warm_up_s=0, clock=lambda: 2 * time.monotonic())
    assert time.monotonic() - started >= drawn.at_us[-1] / 2e6
    assert set(result.kinds) == {"ok"}
    assert min(result.latency_us) > 0


def test_localhost_and_ipv6(server: Any, ipv6_server: Any) -> None:
    drawn = plan("/ok", duration=0.2)
    urls = (
        f"http://localhost:{server.port}/",
        ipv6_server.url,
        f"http://localhost:{ipv6_server.port}",
    )
    for url in urls:
        assert set(run_load(url, drawn, warm_up_s=0).kinds) == {"ok"}


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "http://10.0.0.1:80",
        "http://127.0.0.1.example.com",
        "https://127.0.0.1:443",
        "http://127.0.0.1:80/path",
        "http://127.0.0.1:80?query",
        "http://user@127.0.0.1:80",
        "http://127.0.0.1:99999",
        "http://[::1",
        "http://",
        "127.0.0.1:80",
        "",
    ],
)
def test_only_this_machine_is_loaded(url: str) -> None:
    with pytest.raises(InputError) as caught:
        run_load(url, plan("/ok"))
    assert caught.value.fix


@pytest.mark.parametrize("change", [{"timeout_s": 0}, {"timeout_s": 61}, {"warm_up_s": -1}])
def test_bad_times_are_named(change: dict[str, float]) -> None:
    with pytest.raises(InputError):
        run_load("http://127.0.0.1:1", plan("/ok"), **change)  # type: ignore[arg-type]


def test_a_trial_without_requests_is_refused() -> None:
    with pytest.raises(InputError, match="no request"):
        run_load("http://127.0.0.1:1", plan("/ok", rate=0.001, duration=0.001))
