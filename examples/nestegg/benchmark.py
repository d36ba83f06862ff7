"""The engine beside a plain-Python loop that does the same, in one run: python benchmark.py"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from nestegg.plan import Plan
from nestegg.returns import draws
from nestegg.simulate import market, simulate
from nestegg.strategies import STRATEGIES
from nestegg.summary import compare, summarise
from tests import slow

ROUNDS, LOOP_ROUNDS = 40, 3


def best_ms(work: Callable[[], object], rounds: int) -> float:
    """Shortest time of one call, in milliseconds: what is longer is other programs' work."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return min(times)


def vectorised(plan: Plan, strategy: str) -> None:
    """Draws, growth, every year, every percentile: all that the page needs for one strategy."""
    summarise(plan, strategy, simulate(plan, strategy, market(plan)))


def looped(plan: Plan, strategy: str) -> None:
    """Draws and every year, without percentiles: less than the engine does."""
    firsts, seconds = draws(plan.years, plan.scenarios, plan.seed).transpose(0, 2, 1).tolist()
    for first, second in zip(firsts, seconds, strict=True):
        slow.run(plan, strategy, first, second)


def main() -> int:
    """Print the table; 1 when the promise is not kept."""
    plan = Plan(scenarios=1_000, years=30)
    print(f"{plan.scenarios:,} scenarios x {plan.years} years")
    print(f"best of {ROUNDS} (plain loop: of {LOOP_ROUNDS})")
    print(f"{'strategy':<14}{'engine':>12}{'plain loop':>14}{'ratio':>9}")
    worst = 0.0
    for strategy in STRATEGIES:
        fast = best_ms(lambda name=strategy: vectorised(plan, name), ROUNDS)  # type: ignore[misc]
        loop = best_ms(lambda name=strategy: looped(plan, name), LOOP_ROUNDS)  # type: ignore[misc]
        worst = max(worst, fast)
        print(f"{strategy:<14}{fast:>9.1f} ms{loop:>11.1f} ms{loop / fast:>8.0f}x")
    print(f"all five, as the page shows them: {best_ms(lambda: compare(plan), ROUNDS):.1f} ms")
    largest = Plan(scenarios=10_000, years=100)
    print(f"largest plan, all five: {best_ms(lambda: compare(largest), 3):.0f} ms")
    return 0 if worst < 50 else 1


if __name__ == "__main__":
    sys.exit(main())
