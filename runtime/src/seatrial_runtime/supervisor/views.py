"""What /ready, /workers and /metrics say, put together from the parts that know it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from seatrial_runtime.settings.settings import Settings
from seatrial_runtime.supervisor.figures import Figures
from seatrial_runtime.supervisor.state import State, View

_KEEP_S = 1.0  # However many probes ask: a database is asked once in this time.


class Readiness:
    """Whether to send traffic here: the app answers, and so does what it depends on."""

    def __init__(self, settings: Settings, state: State, app_environ: Mapping[str, str]) -> None:
        self._settings, self._state = settings, state
        self._environ = dict(app_environ)
        self._checks: Any = None
        self._found: dict[str, Any] = {}
        self._asked_s = float("-inf")

    def broker(self, url: str) -> None:
        """A task worker told where its tasks come from, which its environment may not say."""
        if "CELERY_BROKER_URL" not in self._environ:
            self._environ["CELERY_BROKER_URL"] = url
            self._checks = None

    def view(self) -> View:
        """Asks the checks; it may take as long as one of them may."""
        status, body = self._state.ready()
        if status != 200 and body["status"] != "broken":
            return status, body
        checks = self._ask()
        failed = [name for name, result in checks.items() if not result["ok"]]
        if failed and status == 200:
            reason = "; ".join(f"{name}: {checks[name]['reason']}" for name in failed)
            status, body = 503, {**body, "status": "broken", "reason": reason}
        return status, {**body, "checks": checks}

    def _ask(self) -> dict[str, Any]:
        if time.monotonic() - self._asked_s < _KEEP_S:
            return self._found
        if self._checks is None:
            # In the thread of the first /ready: nothing else of the supervisor needs it.
            from seatrial_runtime.checks.checks import Checks

            self._checks = Checks(self._settings, self._environ)
        self._found = {
            name: {
                "ok": result.ok,
                "duration_ms": round(result.duration_ms, 3),
                **({"reason": result.reason} if result.reason else {}),
            }
            for name, result in self._checks.ask().items()
        }
        self._asked_s = time.monotonic()
        return self._found


def metrics_view(metrics_dir: str, figures: Figures) -> Callable[[], View]:
    """The figures of all workers and of the supervisor."""

    def view() -> View:
        # In a thread of its own and not above: the library takes a tenth of a second to import.
        from seatrial_runtime.telemetry.exposition import render

        return 200, render(metrics_dir) + figures.render()

    return view
