from __future__ import annotations

import multiprocessing
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from furlong import create_app
from furlong.db import Forecast, Prediction, Race, Result, Runner, connect, database_url
from furlong.model import load_model
from furlong.seed import refresh, today


def _start(model_dir: str, url: str, gate: object) -> None:
    gate.wait()  # type: ignore[attr-defined]
    app = create_app({"MODEL_DIR": model_dir, "DATABASE_URL": url})
    client = app.test_client()
    races = client.get("/api/races?status=upcoming").get_json()["races"]
    assert len(races) == 12
    for race in races:  # both processes store the same forecasts at the same time
        assert client.get(f"/races/{race['id']}").status_code == 200


def start_together(model_dir: Path, url: str, processes: int = 2) -> None:
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(processes)
    arguments = (str(model_dir), url, gate)
    workers = [context.Process(target=_start, args=arguments) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(50)
    assert [worker.exitcode for worker in workers] == [0] * processes


def check_contents(url: str) -> None:
    with Session(connect(url)) as session:
        days = Counter(session.scalars(select(Race.day)))
        assert sorted(days.values()) == [12] * 6
        assert session.scalar(select(func.count(Race.id)).where(Race.finished)) == 60
        assert session.scalar(select(func.count(Prediction.id))) == 72
        runners = session.scalar(select(func.count(Runner.id)))
        assert session.scalar(select(func.count()).select_from(Forecast)) == runners
        winners = session.scalar(select(func.count()).where(Result.position == 1))
        assert winners == 60
        made = session.execute(
            select(Race.day, Prediction.made_at).join(Prediction).where(Race.finished)
        )
        assert all(made_at.date() == day and made_at.hour < 13 for day, made_at in made)


def test_two_processes_seed_sqlite(model_dir: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'shared.sqlite3'}"
    start_together(model_dir, url)
    check_contents(url)


def test_two_processes_seed_postgresql(
    model_dir: Path, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres)
    url = database_url(Path("unused"))
    assert url.startswith("postgresql+psycopg://")
    start_together(model_dir, url)
    check_contents(url)
    client = create_app({"MODEL_DIR": str(model_dir), "DATABASE_URL": url}).test_client()
    for path in ("/", "/results", "/results?page=3", "/results/1", "/about", "/healthz"):
        assert client.get(path).status_code == 200
    from tests.test_api import card

    assert client.post("/api/predict", json=card(16)).status_code == 201


def test_days_roll_on(model_dir: Path, tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'roll.sqlite3'}")
    model = load_model(model_dir / "furlong.safetensors")
    day = today()
    refresh(engine, model, day)
    with Session(engine) as session:
        before = session.scalars(select(Runner.name).order_by(Runner.id)).all()
    refresh(engine, model, day)
    refresh(engine, model, day + timedelta(days=2))
    refresh(engine, model, day - timedelta(days=3))  # a clock put back changes nothing
    with Session(engine) as session:
        after = session.scalars(select(Runner.name).order_by(Runner.id)).all()
        assert after[: len(before)] == before
        assert session.scalar(select(func.count(Race.id))) == 96
        unfinished = set(session.scalars(select(Race.day).where(Race.finished.is_(False))))
        assert unfinished == {day + timedelta(days=2)}
    refresh(engine, model, day + timedelta(days=60))
    with Session(engine) as session:
        assert session.scalar(select(func.count(Race.id))) == 96 + 15 * 12


def test_default_database_is_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert database_url(tmp_path) == f"sqlite:///{tmp_path}/furlong.sqlite3"
