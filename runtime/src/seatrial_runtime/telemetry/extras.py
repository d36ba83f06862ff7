"""What is loaded only when it is asked for, and told when it is missing."""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

_TRACES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_OTLP = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


class MissingExtraError(Exception):
    """Something is configured whose library is not installed; the text says what to install."""


def traces_wanted(environ: Mapping[str, str]) -> str:
    """The variable that asks for traces, "" when none does."""
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return ""
    if environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "none":
        return ""
    return next((name for name in _TRACES if environ.get(name)), "")


def errors_wanted(environ: Mapping[str, str]) -> str:
    """The variable that asks for errors to be sent, "" when none does."""
    return "SENTRY_DSN" if environ.get("SENTRY_DSN") else ""


def missing(environ: Mapping[str, str] = os.environ) -> str:
    """Why this process cannot give the telemetry that its environment asks for; "" if it can."""
    wanted = (
        (traces_wanted(environ), _OTLP, "otel"),
        (errors_wanted(environ), "sentry_sdk", "sentry"),
    )
    for variable, module, extra in wanted:
        if variable and not installed(module):
            fix = f"pip install 'seatrial-runtime[{extra}]', or unset it"
            return f"{variable} is set, and the library for it is not installed: {fix}"
    return ""


def installed(module: str) -> bool:
    """Whether a module could be imported. Imports the packages that it is in, not itself."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False


class _Finder:
    """Tells when a module has been imported, without importing it."""

    def __init__(self) -> None:
        self.actions: dict[str, list[Callable[[ModuleType], None]]] = {}
        self._looking: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the other finders have, with an action after its execution."""
        if name not in self.actions or name in self._looking:
            return None
        self._looking.add(name)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking.discard(name)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            for action in self.actions.pop(name, ()):
                action(module)

        try:
            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        except AttributeError:
            return None  # A loader of another kind: that module goes without.
        return spec


_finder = _Finder()


def when_imported(name: str, action: Callable[[ModuleType], None]) -> None:
    """Run `action` with the module as soon as the app imports it; now, if it has."""
    module = sys.modules.get(name)
    if module is not None:
        action(module)
        return
    _finder.actions.setdefault(name, []).append(action)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
