"""Exceptions of the app, sent to a Sentry-compatible server when SENTRY_DSN names one.

Only errors, and only from the places that catch them anyway: no integration is loaded, because
those of the web frameworks cost several times what all the rest of a request's telemetry does.
"""

import os
from typing import Any

from seatrial_runtime.telemetry import extras
from seatrial_runtime.telemetry.context import RequestContext
from seatrial_runtime.telemetry.masking import redact_value


class _State:
    sdk: Any = None


def on() -> bool:
    """Whether there is somewhere to send to."""
    return _State.sdk is not None


def begin(service: str, environment: str) -> None:
    """Make ready to send, if the environment says where to."""
    if not extras.errors_wanted(os.environ):
        return
    import sentry_sdk  # Only where it is configured: it costs 100 ms and more.

    sentry_sdk.init(
        dsn=os.environ["SENTRY_DSN"],
        environment=os.environ.get("SENTRY_ENVIRONMENT") or environment,
        default_integrations=False,
        # Values of variables and request bodies may hold anything.
        include_local_variables=False,
        send_default_pii=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=_masked,
    )
    sentry_sdk.set_tag("service", service)
    _State.sdk = sentry_sdk


def _masked(event: Any, hint: Any) -> Any:
    return redact_value(event)


def send(error: BaseException, context: RequestContext) -> None:
    """Queue one exception; a thread of the library sends it."""
    with _State.sdk.new_scope() as scope:
        scope.set_tag("correlation_id", context.id)
        scope.set_transaction_name(f"{context.method} {context.route or '(unmatched)'}".strip())
        if context.user:
            scope.set_user({"id": context.user})
        scope.capture_exception(error)


def flush(timeout_s: float) -> None:
    """Wait for what is queued, but not for longer."""
    if _State.sdk is not None:
        _State.sdk.flush(timeout=timeout_s)
