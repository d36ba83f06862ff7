"""Telemetry of one worker process: begin, change, end."""

import os

from seatrial_runtime.telemetry import (
    app_logging,
    errors,
    extras,
    logs,
    masking,
    metrics,
    tasks,
    traces,
)
from seatrial_runtime.telemetry.extras import MissingExtraError
from seatrial_runtime.telemetry.flush import finish

__all__ = ["MissingExtraError", "finish", "set_level", "start"]

set_level = app_logging.set_level


def start(
    *,
    environment: str,
    log_level: str,
    metrics_dir: str,
    out_fd: int,
    err_fd: int,
    service: str,
) -> None:
    """Call it once in a worker process, before the app is imported.

    Lines go to `out_fd` and `err_fd`, figures into files in `metrics_dir` (none when empty).
    Raises `MissingExtraError` when traces or errors are configured and cannot be sent.
    """
    reason = extras.missing()
    if reason:
        raise MissingExtraError(reason)
    logs.use(out_fd, err_fd)
    logs.tell(service=service, environment=environment)
    masking.learn(os.environ)
    if metrics_dir:
        # The app's own prometheus-client writes there, too, and is summed on the same page.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics_dir
        metrics.collect_in(metrics_dir)
        metrics.ACTIVE.of()  # There from the start, at 0: what is absent cannot be watched.
    app_logging.install(log_level)
    traces.begin(service, environment)
    errors.begin(service, environment)
    tasks.hand_on_ids()
