"""What a process is started as: a command line, an environment and what it is told."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from seatrial_runtime.settings.settings import Settings

PORT_MARK = "{port}"

# Not `-m`: that would put the working directory, with the app's modules, first on sys.path.
_CODE = (
    "import sys\n"
    "if sys.path[:1] == ['']: del sys.path[0]\n"
    "from seatrial_runtime.servers.{module} import main\n"
    "main()"
)


@dataclass(frozen=True)
class Launch:
    """One kind of process; `program` is the words of a program that is not ours."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    program: tuple[str, ...] = ()


def launch(settings: Settings, app_environ: Mapping[str, str]) -> Launch:
    """What each of the processes is started as; the environment is the app's."""
    if settings.command in ("web", "streamlit", "gradio"):
        return Launch(_ours("app"), app_environ)
    port = str(settings.bind.port)
    env = {**app_environ, **dict.fromkeys(settings.port_env, port)}
    # Python puts a script's own folder on its path; of more it has to be told.
    known = env.get("PYTHONPATH", "")
    env["PYTHONPATH"] = settings.app_dir + (os.pathsep + known if known else "")
    program = tuple(word.replace(PORT_MARK, port) for word in settings.argv)
    return Launch(_ours("program"), env, program)


def _ours(module: str) -> tuple[str, ...]:
    return (sys.executable, "-c", _CODE.format(module=module))
