"""Build the model: ``python -m furlong.train``.

Simulates seasons of racing, fits on the earliest races, calibrates on later ones and reports on
the last. The same arguments always give the same files, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from furlong.charts import calibration_svg
from furlong.evaluate import HeldOut, evaluate
from furlong.features import design, form_points
from furlong.fit import Sizes, fit_discounts, fit_scale, fit_temperature, fit_weights
from furlong.model import Model, Weights, softmax_by_race
from furlong.names import jockey_name, trainer_name
from furlong.simulator import JOCKEYS, TRAINERS, Season, simulate

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_OUT = ROOT / "model" / "furlong.safetensors"
DEFAULT_REPORT = ROOT / "model" / "evaluation.json"
DEFAULT_SEED, DEFAULT_RACES = 7, 36_000
#: Shares of the races, in calendar order, for the weights and for calibration.
TRAIN_SHARE, VALIDATION_SHARE = 0.70, 0.13

log = logging.getLogger("furlong.train")


class Part:
    """A stretch of consecutive races with its design, results and odds."""

    def __init__(self, season: Season, first: int, last: int) -> None:
        bounds = np.append(season.batch.starts, len(season.position))
        rows = slice(int(bounds[first]), int(bounds[last]))
        self.batch = season.batch.races(first, last)
        self.design = design(self.batch)
        self.position = season.position[rows]
        self.winner = (self.position == 1).astype(np.float64)
        self.odds = season.odds[rows]
        starts, race_of = self.batch.starts, self.design.race_of
        self.market = softmax_by_race(-np.log(self.odds), starts, race_of)
        self.truth = softmax_by_race(season.strength[rows], starts, race_of)
        self.last_day = int(season.day[last - 1])


def tidy(weights: Weights) -> Weights:
    """Round to six decimals, so that the last bits of a sum cannot change the file."""
    return Weights(**{name: np.round(value, 6) + 0.0 for name, value in vars(weights).items()})


def build(seed: int, races: int) -> tuple[Model, dict[str, Any]]:
    """Simulate, fit, calibrate and evaluate."""
    clock = time.perf_counter()

    def done(what: str) -> None:
        log.info("%5.1f s  %s", time.perf_counter() - clock, what)

    season = simulate(seed, races)
    total = len(season.batch.starts)
    done(f"simulated {total} races with {len(season.position)} runners")
    first, second = int(total * TRAIN_SHARE), int(total * (TRAIN_SHARE + VALIDATION_SHARE))
    train, check = Part(season, 0, first), Part(season, first, second)
    held = Part(season, second, total)
    done(f"features for {first} training, {second - first} validation, {total - second} held out")

    weights = tidy(fit_weights(train.design, train.winner, Sizes(JOCKEYS, TRAINERS)))
    done("weights fitted")
    model = Model(
        weights=weights,
        temperature=round(fit_temperature(weights, check.design, check.winner), 4),
        discounts=(1.0, 1.0),
        form_points=round(form_points(train.batch), 3),
        blend=(0.0, 1.0),
        jockeys=tuple(jockey_name(index) for index in range(JOCKEYS)),
        trainers=tuple(trainer_name(index) for index in range(TRAINERS)),
        seed=seed,
        races=first,
        trained_to=train.last_day,
    )
    win = model.win(check.design)
    discounts = fit_discounts(win, check.position, check.design)
    blend = fit_scale([np.log(win), np.log(check.market)], check.design, check.winner)
    power = float(fit_scale([np.log(check.market)], check.design, check.winner)[0])
    model = replace(
        model,
        discounts=(round(discounts[0], 4), round(discounts[1], 4)),
        blend=(round(float(blend[0]), 4), round(float(blend[1]), 4)),
    )
    done("calibrated")
    report = _report(model, held, power, seed)
    report["split"] = {"train": first, "validation": second - first, "held_out": total - second}
    done("evaluated")
    return model, report


def _report(model: Model, held: Part, power: float, seed: int) -> dict[str, Any]:
    """Evaluation on the held-out races, with the fitted constants that produced it."""
    starts, race_of = held.design.starts, held.design.race_of
    win, place = model.predict(held.batch)
    log_market = np.log(held.market)
    blended = model.blend[0] * np.log(win) + model.blend[1] * log_market
    figures = evaluate(
        HeldOut(
            starts=starts,
            race_of=race_of,
            sizes=held.batch.sizes,
            position=held.position,
            odds=held.odds,
            forecasts={
                "uniform": 1.0 / held.batch.sizes[race_of],
                "model": win,
                "market": held.market,
                "market_recalibrated": softmax_by_race(power * log_market, starts, race_of),
                "combined": softmax_by_race(blended, starts, race_of),
                "truth": held.truth,
            },
            place=place,
        ),
        seed,
    )
    figures["constants"] = {
        "seed": seed,
        "temperature": model.temperature,
        "second_place_exponent": model.discounts[0],
        "third_place_exponent": model.discounts[1],
        "market_power": round(power, 4),
        "combined_model_exponent": model.blend[0],
        "combined_market_exponent": model.blend[1],
        "form_points": model.form_points,
    }
    return figures


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m furlong.train", description=__doc__)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--races", type=int, default=DEFAULT_RACES)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="model file")
    parser.add_argument("--report", type=Path, default=DEFAULT_REPORT, help="evaluation (JSON)")
    parser.add_argument("--chart", type=Path, help="also draw the calibration chart here (SVG)")
    options = parser.parse_args()
    if options.races < 240:
        parser.error("--races must be at least 240")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    model, report = build(options.seed, options.races)
    model.save(options.out)
    options.report.parent.mkdir(parents=True, exist_ok=True)
    options.report.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.chart:
        title = f"Calibration of win probabilities on {report['races']} held-out races"
        options.chart.parent.mkdir(parents=True, exist_ok=True)
        chart = calibration_svg(report["calibration"], title, top=0.6, alone=True)
        options.chart.write_text(chart + "\n", encoding="utf-8")
    for name, row in report["forecasts"].items():
        log.info(
            "%-20s log-loss %.4f  top pick wins %.1f %%",
            name,
            row["log_loss"],
            100 * row["top_pick_wins"],
        )
    log.info("wrote %s and %s", options.out, options.report)


if __name__ == "__main__":
    main()
