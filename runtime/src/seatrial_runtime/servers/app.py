"""A worker: one app in one process. Loads it, wraps it in the guard, serves it, ends."""

import os
from collections.abc import Callable
from typing import Any

from seatrial_runtime.guard.flights import Flights
from seatrial_runtime.servers.leaving import begin, leave
from seatrial_runtime.servers.load import load, own_modules_hidden
from seatrial_runtime.servers.spec import LOAD_FAILED, ServerSpec, enter, load_failure
from seatrial_runtime.servers.watch import Watch
from seatrial_runtime.supervisor.channel import Message, Order, Sender
from seatrial_runtime.telemetry import framework_errors
from seatrial_runtime.telemetry import start as telemetry
from seatrial_runtime.telemetry.logs import emit


def main() -> None:
    """Entry point of the worker process; never returns."""
    spec = enter()
    sender, flights = Sender(spec.channel_fd), Flights()
    watch = Watch(spec, sender, flights, lambda order: obey(order, flights))
    try:
        begin(spec)
        watch.start()
        app, interface = load(spec)
        sender.send(Message("interface", os.getpid(), text=interface))
        guarded, serve = _prepare(spec, app, interface, flights)
        framework_errors.watch()
    except BaseException as error:
        # Even SystemExit: a module that exits when imported would be restarted for ever.
        sender.send(load_failure(error, spec))
        leave(spec, LOAD_FAILED)
    serve(spec, guarded, sender, watch, lambda: leave(spec, 0, clean=False))
    leave(spec, 0)


def _prepare(
    spec: ServerSpec, app: Any, interface: str, flights: Flights
) -> tuple[Any, Callable[..., None]]:
    """The app with the guard in front, and the server for it."""
    buckets_fd = spec.buckets_fd if spec.buckets_fd >= 0 else None
    # Imported here and not above: only one of the two servers is needed, at 50 to 100 ms each.
    with own_modules_hidden(spec.settings.app_dir):
        if interface == "asgi":
            from seatrial_runtime.guard import asgi  # Likewise.
            from seatrial_runtime.servers.asgi import serve
            from seatrial_runtime.servers.interface import as_asgi3

            app = as_asgi3(app)
            return asgi.guarded(app, spec.settings, flights, buckets_fd), serve
        from seatrial_runtime.guard import wsgi  # Likewise.
        from seatrial_runtime.servers.wsgi import serve  # type: ignore[assignment]

        return wsgi.guarded(app, spec.settings, flights, buckets_fd), serve


def obey(order: Order, flights: Flights) -> None:
    """Do what the supervisor asks for; in the side thread."""
    if order["do"] == "level":
        telemetry.set_level(order["level"])
    elif order["do"] == "stacks":
        emit("warning", "overdue", pid=os.getpid(), stacks=flights.stacks())
