"""Honest figures on races that played no part in training or calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from furlong.cards import Floats, Ints
from furlong.racing import places_paid

BOOTSTRAPS = 1000
BIN_EDGES: tuple[float, ...] = (0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 1.0)
PLACE_EDGES: tuple[float, ...] = tuple(step / 10 for step in range(11))
#: A bet is flagged as value when probability times decimal odds exceeds this.
VALUE_EDGE = 1.10


@dataclass(frozen=True)
class HeldOut:
    """Everything needed to judge a set of forecasts; arrays are per runner, race by race."""

    starts: Ints
    race_of: Ints
    sizes: Ints
    position: Ints
    odds: Floats
    forecasts: dict[str, Floats]  # win probabilities by source
    place: Floats  # the model's place probabilities


def _interval(values: Floats, rng: np.random.Generator) -> tuple[float, float, float]:
    """Mean with a 95 % bootstrap interval over races."""
    means = np.empty(BOOTSTRAPS)
    for draw in range(BOOTSTRAPS):
        means[draw] = values[rng.integers(0, len(values), len(values))].mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def calibration(p: Floats, happened: Floats, edges: tuple[float, ...]) -> list[dict[str, float]]:
    """Mean forecast and observed frequency in each probability bin that is not empty."""
    bins = np.digitize(p, edges[1:-1])
    table = []
    for index in range(len(edges) - 1):
        inside = bins == index
        count = int(inside.sum())
        if count == 0:
            continue
        rate = float(happened[inside].mean())
        table.append(
            {
                "low": edges[index],
                "high": edges[index + 1],
                "runners": count,
                "forecast": round(float(p[inside].mean()), 5),
                "observed": round(rate, 5),
                "error": round(float(np.sqrt(max(rate * (1 - rate), 1e-9) / count)), 5),
            }
        )
    return table


def calibration_error(table: list[dict[str, float]]) -> float:
    """Expected calibration error: mean gap between forecast and frequency, by runners."""
    total = sum(row["runners"] for row in table)
    gaps = sum(row["runners"] * abs(row["forecast"] - row["observed"]) for row in table)
    return round(gaps / total, 5)


def _betting(held: HeldOut, rng: np.random.Generator) -> dict[str, Any]:
    """One unit on every runner the combined forecast calls value, and on every runner."""
    won = (held.position == 1).astype(np.float64)
    profit = won * held.odds - 1.0
    flagged = held.forecasts["combined"] * held.odds > VALUE_EDGE
    bets = profit[flagged]
    back, low, high = _interval(bets, rng) if len(bets) else (0.0, 0.0, 0.0)
    return {
        "edge_required": VALUE_EDGE,
        "bets": int(flagged.sum()),
        "winners": int(won[flagged].sum()),
        "return_per_unit": round(back, 4),
        "interval": [round(low, 4), round(high, 4)],
        "return_backing_everything": round(float(profit.mean()), 4),
    }


def evaluate(held: HeldOut, seed: int) -> dict[str, Any]:
    """All figures as plain numbers, ready for JSON."""
    rng = np.random.default_rng(seed)
    won = held.position == 1
    losses = {name: -np.log(p[won]) for name, p in held.forecasts.items()}
    table: dict[str, Any] = {}
    for name, loss in losses.items():
        mean, low, high = _interval(loss, rng)
        best = np.maximum.reduceat(held.forecasts[name], held.starts)[held.race_of]
        picked = held.forecasts[name] == best
        hits = np.add.reduceat((picked & won) / 1.0, held.starts)
        ties = np.add.reduceat(picked / 1.0, held.starts)
        table[name] = {
            "log_loss": round(mean, 5),
            "interval": [round(low, 5), round(high, 5)],
            "top_pick_wins": round(float((hits / ties).mean()), 4),
        }
    differences: dict[str, Any] = {}
    for first, second in (
        ("model", "uniform"),
        ("market", "model"),
        ("combined", "market_recalibrated"),
        ("truth", "combined"),
    ):
        mean, low, high = _interval(losses[first] - losses[second], rng)
        key = f"{first} minus {second}"
        differences[key] = {"mean": round(mean, 5), "interval": [round(low, 5), round(high, 5)]}
    paid = np.array([places_paid(int(size)) for size in held.sizes])[held.race_of]
    placed = (held.position <= paid).astype(np.float64)
    win_table = calibration(held.forecasts["model"], won.astype(np.float64), BIN_EDGES)
    place_table = calibration(held.place, placed, PLACE_EDGES)
    return {
        "races": len(held.starts),
        "runners": len(held.position),
        "forecasts": table,
        "differences": differences,
        "calibration": win_table,
        "calibration_error": calibration_error(win_table),
        "place_calibration": place_table,
        "place_calibration_error": calibration_error(place_table),
        "betting": _betting(held, rng),
    }
