"""The model: a conditional logit over the runners of a race, and places by discounted Harville.

Bolton and Chapman (1986) and Benter (1994): runner i of a race has utility

    V_i = beta . z_i + jockey_i + trainer_i + draw[course, band] * stall_i

with z the standardised features, and wins with probability exp(V_i / T) / sum_j exp(V_j / T).
The temperature T is fitted on races that the weights never saw. Places follow Harville's
formula with the exponents of Lo and Bacon-Shone: once the winner is known the second is drawn in
proportion to p ** d2 among those left, and the third in proportion to p ** d3.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from furlong.cards import Batch, Floats, Ints
from furlong.features import DRAW_CELLS, FEATURES, Design, design
from furlong.racing import COURSE_NAMES, places_paid

FORMAT = "furlong-1"
BUILD_COMMAND = "python -m furlong.train"


class ModelError(RuntimeError):
    """The model file is missing or is not one this version can use."""


@dataclass(frozen=True)
class Weights:
    """Coefficients; dense ones apply to (feature - mean) / scale."""

    beta: Floats
    means: Floats
    scales: Floats
    jockey: Floats
    trainer: Floats
    draw: Floats


def softmax_by_race(values: Floats, starts: Ints, race_of: Ints) -> Floats:
    """Softmax within each race; a value of minus infinity gets probability zero."""
    weight = np.exp(values - np.maximum.reduceat(values, starts)[race_of])
    return np.asarray(weight / np.add.reduceat(weight, starts)[race_of])


def utilities(weights: Weights, data: Design) -> Floats:
    """V for every runner. Index -1 (an unknown jockey or trainer) has no effect: average."""
    standard = (data.dense - weights.means) / weights.scales
    value = np.einsum("nf,f->n", standard, weights.beta)  # the same sum on any machine
    value += np.append(weights.jockey, 0.0)[data.jockey]
    value += np.append(weights.trainer, 0.0)[data.trainer]
    return np.asarray(value + weights.draw[data.draw_cell] * data.draw_value)


def place_probabilities(win: Floats, second: float, third: float, places: int) -> Floats:
    """Chance that each runner of one race finishes in the first ``places`` (1, 2 or 3)."""
    if places <= 1 or len(win) <= 1:
        return win.copy()
    if len(win) <= places:
        return np.ones_like(win)
    different = 1.0 - np.eye(len(win))
    weight = win**second
    # in_second[i, j]: i wins and j is second
    in_second = win[:, None] * different * weight / (different * weight).sum(axis=1)[:, None]
    placed = win + in_second.sum(axis=0)
    if places == 2:
        return np.asarray(placed)
    weight = win**third
    left = weight.sum() - weight[:, None] - weight[None, :]
    # The remaining weight of the pair (i, j) is shared among all k other than i and j.
    share = np.where(different > 0, in_second / np.maximum(left, 1e-300), 0.0)
    others = share.sum() - share.sum(axis=0) - share.sum(axis=1)
    return np.asarray(placed + weight * others)


@dataclass(frozen=True)
class Model:
    """A trained model, immutable and safe to share between threads."""

    weights: Weights
    temperature: float
    discounts: tuple[float, float]
    form_points: float
    blend: tuple[float, float]  # exponents of model and market in the second stage
    jockeys: tuple[str, ...]
    trainers: tuple[str, ...]
    seed: int
    races: int
    trained_to: int  # last simulated day used for the weights
    version: str = ""

    def win(self, data: Design) -> Floats:
        """Win probabilities for every race of a design."""
        value = utilities(self.weights, data) / self.temperature
        return softmax_by_race(value, data.starts, data.race_of)

    def predict(self, batch: Batch) -> tuple[Floats, Floats]:
        """Win and place probabilities of every runner, race by race."""
        win = self.win(design(batch))
        place = np.empty_like(win)
        for start, size in zip(batch.starts, batch.sizes, strict=True):
            race = slice(int(start), int(start + size))
            place[race] = place_probabilities(win[race], *self.discounts, places_paid(int(size)))
        return win, place

    def with_market(self, win: Floats, market: Floats) -> Floats:
        """Benter's second stage for one race: the model and the market's view combined."""
        value = self.blend[0] * np.log(win) + self.blend[1] * np.log(market)
        weight = np.exp(value - value.max())
        return np.asarray(weight / weight.sum())

    def jockey_index(self, name: str) -> int:
        """Index of a jockey, or -1 for one the model has never seen."""
        return self.jockeys.index(name) if name in self.jockeys else -1

    def trainer_index(self, name: str) -> int:
        """Index of a trainer, or -1 for one the model has never seen."""
        return self.trainers.index(name) if name in self.trainers else -1

    def to_bytes(self) -> bytes:
        """The model file: the same model always gives the same bytes."""
        tensors = {
            "beta": self.weights.beta,
            "means": self.weights.means,
            "scales": self.weights.scales,
            "jockey": self.weights.jockey,
            "trainer": self.weights.trainer,
            "draw": self.weights.draw,
            "temperature": np.array([self.temperature]),
            "discounts": np.array(self.discounts),
            "form_points": np.array([self.form_points]),
            "blend": np.array(self.blend),
        }
        about = {
            "features": FEATURES,
            "courses": COURSE_NAMES,
            "jockeys": self.jockeys,
            "trainers": self.trainers,
            "seed": self.seed,
            "races": self.races,
            "trained_to": self.trained_to,
        }
        # The order of several metadata keys is not fixed by the format, so there is only one.
        text = json.dumps({"format": FORMAT, **about}, sort_keys=True)
        return bytes(save(tensors, metadata={"furlong": text}))

    def save(self, path: Path) -> None:
        """Write the model file, replacing any older one in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".partial")
        scratch.write_bytes(self.to_bytes())
        scratch.replace(path)


def _metadata(path: Path, raw: dict[str, str] | None) -> dict[str, Any]:
    """Check the metadata block of a model file."""
    try:
        about: dict[str, Any] = json.loads((raw or {})["furlong"])
    except (KeyError, json.JSONDecodeError) as error:
        raise ModelError(f"{path} is not a Furlong model file (no readable metadata)") from error
    if about.get("format") != FORMAT:
        raise ModelError(f"{path} has format {about.get('format')!r}, expected {FORMAT!r}")
    for key, expected in (("features", FEATURES), ("courses", COURSE_NAMES)):
        if tuple(about.get(key, ())) != expected:
            raise ModelError(
                f"{path} was trained with different {key}; rebuild it with: {BUILD_COMMAND}"
            )
    for key in ("jockeys", "trainers", "seed", "races", "trained_to"):
        if key not in about:
            raise ModelError(f"{path}: metadata lacks {key!r}")
    return about


def _tensors(path: Path, file: Any, about: dict[str, Any]) -> dict[str, Floats]:
    """Read every tensor, checking its shape and that it is finite."""
    shapes = {
        "beta": len(FEATURES),
        "means": len(FEATURES),
        "scales": len(FEATURES),
        "jockey": len(about["jockeys"]),
        "trainer": len(about["trainers"]),
        "draw": DRAW_CELLS,
        "temperature": 1,
        "discounts": 2,
        "form_points": 1,
        "blend": 2,
    }
    missing = sorted(set(shapes) - set(file.keys()))
    if missing:
        raise ModelError(f"{path} lacks the tensors {', '.join(missing)}")
    tensors: dict[str, Floats] = {}
    for name, length in shapes.items():
        tensor = np.asarray(file.get_tensor(name), dtype=np.float64)
        if tensor.shape != (length,):
            raise ModelError(f"{path}: {name} has shape {tensor.shape}, expected ({length},)")
        if not np.isfinite(tensor).all():
            raise ModelError(f"{path}: {name} holds values that are not finite")
        tensors[name] = tensor
    if (tensors["scales"] <= 0).any() or tensors["temperature"][0] <= 0:
        raise ModelError(f"{path}: scales and temperature must be positive")
    return tensors


def load_model(path: Path) -> Model:
    """Read and check a model file."""
    if not path.is_file():
        raise ModelError(f"no model at {path}; build it with: {BUILD_COMMAND}")
    try:
        with safe_open(path, framework="np") as file:
            about = _metadata(path, file.metadata())
            t = _tensors(path, file, about)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    return Model(
        weights=Weights(t["beta"], t["means"], t["scales"], t["jockey"], t["trainer"], t["draw"]),
        temperature=float(t["temperature"][0]),
        discounts=(float(t["discounts"][0]), float(t["discounts"][1])),
        form_points=float(t["form_points"][0]),
        blend=(float(t["blend"][0]), float(t["blend"][1])),
        jockeys=tuple(about["jockeys"]),
        trainers=tuple(about["trainers"]),
        seed=int(about["seed"]),
        races=int(about["races"]),
        trained_to=int(about["trained_to"]),
        version=hashlib.sha256(path.read_bytes()).hexdigest()[:12],
    )
