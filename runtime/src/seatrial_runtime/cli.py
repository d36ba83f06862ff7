"""The command line of `seatrial-run`."""

import functools
import sys
from collections.abc import Sequence

from seatrial_runtime.settings.arguments import Asked, parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the process exit code."""
    return _do(parse(sys.argv[1:] if argv is None else argv))


def _do(asked: Asked) -> int:
    # Asking for help must not wait for what only a run needs.
    from seatrial_runtime.settings.layers import reload, resolve
    from seatrial_runtime.settings.settings import SettingsError
    from seatrial_runtime.supervisor.address import AddressError  # As above.

    try:
        resolved = resolve(asked.command, asked.target, asked.argv, asked.flags)
        if asked.show:
            # Nor must a run wait for what only shows.
            from seatrial_runtime.settings.show import show

            return show(resolved, as_json=asked.as_json)
        # As above.
        from seatrial_runtime.supervisor.supervisor import Supervisor
        from seatrial_runtime.telemetry.logs import add_secrets, emit

        add_secrets(resolved.secret_values)
        for warning in resolved.warnings:
            emit("warning", "settings", message=warning)
        again = functools.partial(reload, resolved)
        with Supervisor(resolved.settings, resolved.app_environment, again) as supervisor:
            return supervisor.run()
    except SettingsError as error:
        print(f"seatrial-run: {error}", file=sys.stderr)
        return error.exit_code
    except AddressError as error:
        print(f"seatrial-run: {error}", file=sys.stderr)
        return 2
