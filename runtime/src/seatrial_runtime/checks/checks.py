"""All checks, asked at once, each with its own time-out."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seatrial_runtime.checks.service import CheckError, found_in, without_secrets
from seatrial_runtime.settings.settings import Settings

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


@dataclass(frozen=True)
class Result:
    """What one check found. `reason` says why not, or how far a good answer goes."""

    ok: bool
    duration_ms: float
    reason: str = ""


class Checks:
    """The checks of one app. Ask from any thread; those who ask at once share one round."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        """`environ` is the app's, in which `auto` looks for URLs."""
        urls = found_in(environ) if settings.checks is None else dict(settings.checks)
        folder = settings.cwd if settings.argv else settings.app_dir
        self._timeout_s = settings.check_timeout_s
        self._checks = {
            name: _Check(_given(url, environ), folder, self._timeout_s)
            for name, url in urls.items()
        }

    def ask(self) -> dict[str, Result]:
        """Every check's result, after `check_timeout_s` at the latest."""
        deadline_s = time.monotonic() + self._timeout_s
        rounds = [check.begin() for check in self._checks.values()]
        return {name: one.wait(deadline_s) for name, one in zip(self._checks, rounds, strict=True)}


class _Round:
    """One asking of one service, in a thread of its own; it may outlive those who wait."""

    def __init__(self, ask: Callable[[], Result], timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._began_s = time.monotonic()
        self._done = threading.Event()
        self._result: Result | None = None
        self._ask = ask
        threading.Thread(target=self._run, name="seatrial-check", daemon=True).start()

    @property
    def over(self) -> bool:
        return self._done.is_set()

    def _run(self) -> None:
        self._result = self._ask()
        self._done.set()

    def wait(self, deadline_s: float) -> Result:
        self._done.wait(max(deadline_s - time.monotonic(), 0.0))
        if self._result is not None:
            return self._result
        waited_ms = (time.monotonic() - self._began_s) * 1000
        return Result(False, round(waited_ms, 1), f"no answer within {self._timeout_s:g} s")


class _Check:
    """One service. No second thread is started while one still hangs in a name look-up."""

    def __init__(self, url: str, folder: str, timeout_s: float) -> None:
        self._url, self._folder, self._timeout_s = url, folder, timeout_s
        self._lock = threading.Lock()
        self._round: _Round | None = None

    def begin(self) -> _Round:
        with self._lock:
            if self._round is None or self._round.over:
                self._round = _Round(self._result, self._timeout_s)
            return self._round

    def _result(self) -> Result:
        began_s = time.monotonic()
        try:
            ok, reason = True, self._ask()
        except TimeoutError:
            ok, reason = False, f"no answer within {self._timeout_s:g} s"
        except (CheckError, OSError) as error:
            ok, reason = False, getattr(error, "strerror", None) or str(error)
        except Exception as error:
            # A driver's own bug: the app is not ready, and this thread must say so.
            ok, reason = False, f"{type(error).__name__}: {error}"
        duration_ms = round((time.monotonic() - began_s) * 1000, 1)
        return Result(ok, duration_ms, without_secrets(reason, self._url))

    def _ask(self) -> str:
        if not self._url:
            raise CheckError("its variable is not set")
        # In a thread and after the app was started: TLS and HTTP take a while to import.
        from seatrial_runtime.checks.asking import ask

        return ask(self._url, self._folder, self._timeout_s)


def _given(url: str, environ: Mapping[str, str]) -> str:
    """A URL, or the name of the variable that has it, which keeps passwords off command lines."""
    return environ.get(url, "") if _VARIABLE.fullmatch(url) else url
