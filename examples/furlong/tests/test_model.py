from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from furlong.features import FEATURES, design
from furlong.fit import Sizes, fit_weights
from furlong.model import Model, ModelError, load_model, place_probabilities
from furlong.simulator import JOCKEYS, TRAINERS, Season, World, concatenate
from furlong.train import build

ROOT = Path(__file__).resolve().parent.parent


def day() -> Season:
    world = World(4, horses=4500, meetings=2)
    for _ in range(60):
        world.run_day()
    return world.run_day()


def test_same_seed_gives_the_same_bytes() -> None:
    assert build(9, 480)[0].to_bytes() == build(9, 480)[0].to_bytes()
    assert build(9, 480)[0].to_bytes() != build(10, 480)[0].to_bytes()


def test_saved_model_predicts_the_same(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    batch = day().batch
    for one, two in zip(model.predict(batch), again.predict(batch), strict=True):
        assert np.array_equal(one, two)


def test_probabilities_sum_up(model: Model) -> None:
    season = day()
    win, place = model.predict(season.batch)
    sums = np.add.reduceat(win, season.batch.starts)
    assert np.allclose(sums, 1.0)
    places = np.where(season.batch.sizes >= 8, 3, 2)
    assert np.allclose(np.add.reduceat(place, season.batch.starts), places)
    assert (place >= win).all() and (place <= 1 + 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-6, 6), min_size=2, max_size=24),
    st.floats(0.3, 1.4),
    st.floats(0.3, 1.4),
    st.integers(1, 3),
)
def test_places_sum_for_any_field(s: list[float], second: float, third: float, paid: int) -> None:
    win = np.exp(np.array(s))
    win /= win.sum()
    place = place_probabilities(win, second, third, paid)
    assert np.isclose(place.sum(), min(paid, len(win)), atol=1e-8)
    assert (place >= -1e-12).all() and (place <= 1 + 1e-9).all()


def test_places_match_enumeration() -> None:
    win, d2, d3 = np.array([0.4, 0.3, 0.2, 0.06, 0.04]), 0.9, 0.8
    expected = np.zeros(5)
    for i, j, k in itertools.permutations(range(5), 3):
        p2 = win[j] ** d2 / sum(win[m] ** d2 for m in range(5) if m != i)
        p3 = win[k] ** d3 / sum(win[m] ** d3 for m in range(5) if m not in (i, j))
        expected[[i, j, k]] += win[i] * p2 * p3
    assert np.allclose(place_probabilities(win, d2, d3, 3), expected)


def test_unknown_people_are_average(model: Model) -> None:
    assert model.jockey_index("N. Obody") == -1
    assert model.jockey_index(model.jockeys[7]) == 7


def test_fit_recovers_the_draw_bias() -> None:
    world = World(2)
    for _ in range(100):
        world.run_day()
    season = concatenate([world.run_day() for _ in range(150)])
    data = design(season.batch)
    weights = fit_weights(data, (season.position == 1) / 1.0, Sizes(JOCKEYS, TRAINERS))
    correlation = np.corrcoef(weights.draw, -world.bias.ravel())[0, 1]
    assert correlation > 0.7


def test_a_race_is_predicted_quickly(model: Model) -> None:
    batch = day().batch
    race = int(np.argmax(batch.sizes))
    one = batch.races(race, race + 1)
    times = []
    for _ in range(50):
        clock = time.process_time()  # What else runs on the machine does not count.
        model.predict(one)
        times.append(time.process_time() - clock)
    assert np.median(times) < 0.005


def test_missing_model_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"python -m furlong\.train"):
        load_model(tmp_path / "none.safetensors")


def test_bad_model_files_are_refused(model_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="cannot read"):
        load_model(path)
    save_file({"beta": np.zeros(3)}, path)
    with pytest.raises(ModelError, match="metadata"):
        load_model(path)

    from safetensors import safe_open

    good = model_dir / "furlong.safetensors"
    with safe_open(good, framework="np") as file:
        metadata = file.metadata()
    tensors = load_file(good)
    save_file(tensors | {"beta": np.zeros(3)}, path, metadata)
    with pytest.raises(ModelError, match=r"beta has shape \(3,\)"):
        load_model(path)
    save_file(tensors | {"beta": np.full(len(FEATURES), np.nan)}, path, metadata)
    with pytest.raises(ModelError, match="not finite"):
        load_model(path)
    renamed = {"furlong": metadata["furlong"].replace("recent_figure", "other")}
    save_file(tensors, path, renamed)
    with pytest.raises(ModelError, match="different features"):
        load_model(path)


def test_no_pickle_and_no_scipy_when_serving() -> None:
    for path in (ROOT / "furlong").glob("*.py"):
        text = path.read_text()
        assert "pickle" not in text and "joblib" not in text
        if path.name != "fit.py":
            assert "scipy." not in text
