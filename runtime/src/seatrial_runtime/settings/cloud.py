"""The clouds' secret managers, asked by a process of its own.

Their clients take tens of megabytes and a second to import; the supervisor must stay small, and
a client that hangs must not hold the start for ever.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from seatrial_runtime.settings.settings import SettingsError, UnreachableError

_TIMEOUT_S = 30.0
_MAX_BYTES = 16 << 20
_EXTRAS = {"aws": "aws", "azure": "azure", "gcp": "gcp"}

# Not `-m`: that would put the working folder, with the app's modules, first on sys.path.
_CODE = (
    "import sys\n"
    "if sys.path[:1] == ['']: del sys.path[0]\n"
    "from seatrial_runtime.settings.cloud_clients import main\n"
    "main()"
)


def fetch(kind: str, place: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets of `aws:NAME`, `azure:https://VAULT` or `gcp:projects/P[/PREFIX]` by their names.

    Raises SettingsError when it is refused or wrong, UnreachableError when there is no answer now.
    """
    source = f"{kind}:{place}"
    asked = json.dumps({"kind": kind, "place": place}).encode()
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CODE],
            input=asked,
            capture_output=True,
            timeout=_TIMEOUT_S,
            env=dict(environ),
        )
    except subprocess.TimeoutExpired:
        raise UnreachableError(
            f"--secrets {source}: no answer within {_TIMEOUT_S:g} s; try again, or check the "
            "network's way there"
        ) from None
    answer = _answer(done.stdout[:_MAX_BYTES])
    if answer is None:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise SettingsError(
            f"--secrets {source}: its client ended with {done.returncode}: "
            f"{words[-1][:300] if words else 'without a word'}"
        )
    problem = str(answer.get("problem", ""))
    if answer["outcome"] == "missing":
        raise SettingsError(
            f"--secrets {source} needs {problem}: pip install seatrial-runtime[{_EXTRAS[kind]}]"
        )
    if answer["outcome"] == "unreachable":
        raise UnreachableError(f"--secrets {source}: {problem}; try again")
    if answer["outcome"] == "wrong":
        raise SettingsError(f"--secrets {source}: {problem}")
    return {str(name): str(value) for name, value in answer["secrets"].items()}


def _answer(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "outcome" in found else None
