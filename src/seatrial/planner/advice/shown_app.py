"""What the profile shows of the app: done, not done, or for its owner to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from seatrial.planner.advice.ground import App, places


class Shown(NamedTuple):
    """Whether something is done: shown, shown not to be, or only its owner can say; and by what."""

    state: Literal["yes", "no", "owner"]
    evidence: str


AppShows = Callable[[App], Shown]

STATE = (
    "state.session-memory", "state.chat-memory", "state.module-mutable", "state.module-variable",
    "state.memory-queue", "state.sticky-sessions", "state.websocket", "state.session-file",
    "state.upload-folder", "state.file", "state.single-writer", "state.embedded-store",
    "state.in-process-scheduler", "state.background-loop", "state.background-work",
    "state.rate-limit-memory",
)  # fmt: skip
"""Facts that keep replicas from being alike."""

SECRETS = (
    "secret.committed", "secret.in-url", "secret.hard-coded-key", "secret.default-key",
    "secret.env-file",
)  # fmt: skip

MIGRATES = ("alembic", "flask-migrate", "django", "aerich", "yoyo-migrations", "piccolo")
"""Distributions that change a database's tables in steps."""


def free_of(rules: tuple[str, ...], none_found: str, found: str) -> AppShows:
    """Shown when the source has none of these facts; not judged when no source was read."""

    def shows(app: App) -> Shown:
        facts = app.found(rules)
        if facts:
            return Shown("no", f"{found}: {places(facts)}")
        if not app.source_read:
            return Shown("owner", "the app is described; its source was not read")
        return Shown("yes", none_found)

    return shows


def secrets_from_environment(app: App) -> Shown:
    """Secrets are read from variables, and none stands in the source."""
    judged = free_of(SECRETS, "", "a secret stands in the source")(app)
    if judged.state != "yes":
        return judged
    named = app.found(("env.secret",))
    if not named:
        return Shown("yes", "no secret in the source, and none is read")
    names = ", ".join(dict.fromkeys(fact.subject for fact in named))
    return Shown("yes", f"no secret in the source; {names} are read from variables")


def health_route(app: App) -> Shown:
    """A route tells whether the app is well."""
    found = app.found(("health.route",))
    if found:
        return Shown("yes", f"{found[0].subject} ({found[0].proof})")
    return Shown("no", "no such route was found; platforms ask / instead")


def migrations(app: App) -> Shown:
    """The database's tables change in steps that can be repeated, once for each release."""
    each = app.found(("command.migrates",))
    if each:
        return Shown("no", f"every replica migrates when it starts: {places(each)}")
    tool = app.depends(*MIGRATES)
    if tool is not None:
        return Shown("yes", f"{tool.name} ({tool.proof})")
    return Shown("no", "no tool for migrations among the dependencies")


def measured(app: App) -> Shown:
    """Service times and memory were measured."""
    component = app.asked.component
    timed = [route for route in component.routes if route.service_time is not None]
    if component.measured is None or not timed:
        return Shown("no", "service times and memory are assumed")
    if component.measured.proof.kind != "measured":
        return Shown("no", f"service times and memory are stated: {component.measured.proof}")
    count = f"{len(timed)} of {len(component.routes)} routes"
    return Shown("yes", f"boot, memory and {count} measured on {component.measured.machine}")


def fallback(app: App) -> Shown:
    """Another model answers when the first does not."""
    found = app.found(("llm.fallback",))
    if found:
        return Shown("yes", f"{found[0].value or found[0].subject} ({found[0].proof})")
    return Shown("no", "no second model is tried when the first fails")


APP_SHOWS: dict[str, AppShows] = {
    "secrets-from-environment": secrets_from_environment,
    "health-route": health_route,
    "migrations": migrations,
    "measured": measured,
    "fallback": fallback,
    "stateless": free_of(
        STATE, "no state in a process or on a local disk was found", "state is kept in one replica"
    ),
    "debug-off": free_of(
        ("command.debug", "command.dev-server", "habit.debug-server", "habit.debug-app",
         "habit.django-debug"),
        "no debugger and no development server is started", "the debugger can be reached",
    ),
    "time-limits": free_of(
        ("llm.no-timeout", "time.no-timeout", "time.retries-forever", "time.waits-for-task",
         "command.timeout-off"),
        "every call outside has a time limit", "calls without a time limit",
    ),
    "input-checked": free_of(
        ("habit.runs-request-data", "habit.shell-request-data", "habit.sql-by-text",
         "model.unsafe-load", "upload.filename", "upload.archive", "habit.yaml-load",
         "habit.csrf-off", "habit.cors-credentials"),
        "no request data was found in code, shell, SQL or paths", "request data is trusted",
    ),
    "upload-limit": free_of(
        ("upload.no-limit", "upload.in-memory"), "uploads have a limit", "uploads without a limit"
    ),
    "certificates-checked": free_of(
        ("habit.verify-off",), "certificates of other servers are checked",
        "certificates are not checked",
    ),
    "dependencies-pinned": free_of(
        ("dependencies.unpinned", "dependencies.none", "dependencies.undeclared",
         "dependencies.lock-stale"),
        "dependencies are declared and locked", "dependencies may change by themselves",
    ),
    "python-supported": free_of(
        ("python.end-of-life",), "the Python asked for still gets fixes",
        "the Python asked for gets no fixes",
    ),
    "variables-documented": free_of(
        ("env.undocumented",), "every variable the app needs is named in an example or README",
        "variables that nothing names",
    ),
}  # fmt: skip
"""What can be shown of the app alone, by the name that checklists and controls use."""
