"""`seatrial init`: what it writes means what no file would mean, plus what the source tells."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from seatrial.kernel.demand import Settings
from seatrial.kernel.workload import Component, Fact, Proof, Route, Service, Workload
from seatrial.settings import parse
from seatrial.starter import starter

PROOF = Proof(kind="source", rule="health.route", file="app.py", line=7)


def app(entry: str = "app:app", health: str = "/healthz", note: str = "") -> Workload:
    proof = replace(PROOF, note=note)
    part = Component(
        name="web", kind="web", framework="flask", interface="wsgi", entry=entry,
        command=("flask", "run"), port=8000,
        facts=(
            Fact(rule="health.route", subject=health, proof=proof),
            Fact(rule="state.upload-folder", subject="uploads", severity="high", proof=proof),
        ),
        routes=(Route(path="/", methods=("GET",), endpoint="index", proof=proof),
                Route(path="/buy", methods=("POST",), endpoint="buy", proof=proof)),
        services=(Service(kind="redis", proof=proof),),
    )  # fmt: skip
    return Workload(app="shop", source_digest="0" * 16, components=(part,))


def test_it_means_the_defaults_and_what_was_found() -> None:
    settings = parse(starter(app()))
    wanted = replace(Settings().app, entry="app:app", ready_path="/healthz")
    assert settings == replace(Settings(), app=wanted)


def test_a_person_sees_what_was_found() -> None:
    text = starter(app())
    assert "needs redis, app.py:7" in text
    assert "high: state.upload-folder uploads, app.py:7" in text
    assert '# [demand.route_weights]\n# "/" = 1\n' in text and "/buy" not in text
    assert max(map(len, text.splitlines())) <= 110


def test_without_a_web_component_nothing_is_set() -> None:
    bare = replace(app(), components=())
    assert parse(starter(bare)) == Settings()


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=200))
def test_hostile_names_stay_text(entry: str, path: str, note: str) -> None:
    tables = tomllib.loads(starter(app(entry or "a:b", "/" + path, note)))
    assert tables["app"]["entry"] == (entry or "a:b")
    assert tables["app"]["ready_path"] == "/" + path
    assert set(tables) == set(tomllib.loads(starter(app())))
