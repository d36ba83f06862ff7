from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from furlong import create_app, store
from furlong.db import Race, Runner
from furlong.model import ModelError


def race_ids(client: FlaskClient, status: str) -> list[int]:
    rows = client.get(f"/api/races?limit=100&status={status}").get_json()["races"]
    return [row["id"] for row in rows]


def test_every_page_renders(client: FlaskClient) -> None:
    paths = ["/", "/results", "/results?page=2", "/about"]
    paths += [f"/races/{race_id}" for race_id in race_ids(client, "upcoming")]
    paths += [f"/results/{race_id}" for race_id in race_ids(client, "finished")]
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        text = answer.get_data(as_text=True)
        assert "<script" not in text and " style=" not in text and "onclick" not in text
        assert text.rstrip().endswith("</html>")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_missing_pages(client: FlaskClient) -> None:
    upcoming = race_ids(client, "upcoming")[0]
    paths = ["/races/0", "/races/99999999999", f"/results/{upcoming}", "/nothing"]
    paths += [f"/results?page={page}" for page in ("0", "-1", "x", "999", "9" * 30)]
    for path in paths:
        assert client.get(path).status_code == 404, path


def test_links_lead_somewhere(client: FlaskClient) -> None:
    for page in ("/", "/results", "/about"):
        text = client.get(page).get_data(as_text=True)
        for link in set(re.findall(r'href="(/[^"#]*)', text)):
            assert client.get(link.replace("&amp;", "&")).status_code == 200, link


def test_names_are_escaped(app: Flask, client: FlaskClient) -> None:
    race_id = race_ids(client, "upcoming")[-1]
    with Session(app.extensions["furlong"].engine) as session:
        runner = session.query(Runner).filter_by(race_id=race_id, number=1).one()
        kept, runner.name = runner.name, "<b>Bold</b>"
        session.commit()
        text = client.get(f"/races/{race_id}").get_data(as_text=True)
        runner.name = kept
        session.commit()
    assert "&lt;b&gt;Bold&lt;/b&gt;" in text and "<b>Bold" not in text


def test_stored_card_gives_the_features_of_the_simulator(app: Flask, client: FlaskClient) -> None:
    """No skew: what went through the database is what the simulator dealt."""
    import numpy as np

    from furlong import seed
    from furlong.features import design

    extension = app.extensions["furlong"]
    with Session(extension.engine) as session:
        days = sorted({race.day for race in session.query(Race)})
        first = days[0]
        day, season = next(iter(seed._replay(first, first)))
        races = sorted(session.query(Race).filter_by(day=day), key=lambda race: race.id)
        dense = design(season.batch).dense
        stored = np.vstack(
            [design(store.race_batch(extension.model, race)).dense for race in races]
        )
    assert np.allclose(dense, stored, atol=1e-5)


def test_start_without_a_model(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    with pytest.raises(ModelError, match=r"python -m furlong\.train"):
        create_app({"MODEL_DIR": str(tmp_path), "DATABASE_URL": url})
