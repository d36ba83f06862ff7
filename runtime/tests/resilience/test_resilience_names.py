import ast
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import seatrial_runtime


def test_every_public_name_is_there_and_typed() -> None:
    tree = ast.parse(Path(seatrial_runtime.__file__).read_text())
    [checked] = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        str(alias.asname): f"{node.module}"
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    names = set(seatrial_runtime.__all__) - {"STARTED_S", "__version__"}
    assert names == set(typed)
    for name, home in typed.items():
        value = getattr(seatrial_runtime, name)
        assert getattr(value, "__module__", home) == home, name
        assert name in dir(seatrial_runtime)
    with pytest.raises(AttributeError, match="no_such"):
        _ = seatrial_runtime.no_such


def test_nothing_of_it_is_imported_before_it_is_used() -> None:
    code = """
        import sys
        import seatrial_runtime
        print(*[m for m in sys.modules if m.partition(".")[0] in (
            "seatrial_runtime", "stamina", "tenacity", "cachebox", "redis", "httpx", "boto3",
            "asyncio", "decimal")])
        from seatrial_runtime import cache, circuit_breaker, deadline, timeout, retry, fallback
        print(*[m for m in sys.modules if m in ("redis", "httpx", "boto3")])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.splitlines() == ["seatrial_runtime", ""]
