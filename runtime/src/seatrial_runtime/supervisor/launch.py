"""What a server process is started as: a command line, an environment and what it inherits."""

import json
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from seatrial_runtime.settings.settings import Settings

PORT_MARK = "{port}"


@dataclass(frozen=True)
class Launch:
    """One process to start; `env` None means the supervisor's own."""

    argv: list[str]
    fds: tuple[int, ...] = ()
    env: dict[str, str] | None = None


Launcher = Callable[[int, int], Launch]
"""Makes a `Launch` that reports on the first descriptor and stops when the second is readable."""

# Not `-m`: that would put the working directory, with the app's modules, first on sys.path.
_SERVER_CODE = (
    "import sys\n"
    "if sys.path[:1] == ['']: del sys.path[0]\n"
    "from seatrial_runtime.servers.{module} import main\n"
    "main()"
)


def server(settings: Settings, listener: socket.socket, interface: str) -> Launcher:
    """A server for an app object: gunicorn with all workers, or one worker of uvicorn."""
    module = "asgi" if interface == "asgi" else "wsgi"

    def launch(channel_fd: int, stop_fd: int) -> Launch:
        spec = {
            "target": settings.target + ("()" if settings.factory else ""),
            "interface": interface,
            "workers": settings.workers or 1,
            "threads": settings.threads,
            "graceful_timeout_s": settings.graceful_timeout_s,
            "keep_alive_s": settings.keep_alive_s,
            "start_timeout_s": settings.start_timeout_s,
            "app_dir": settings.app_dir,
            "listener_fd": listener.fileno(),
            "channel_fd": channel_fd,
            "stop_fd": stop_fd,
            "supervisor_pid": os.getpid(),
        }
        code = _SERVER_CODE.format(module=module)
        fds = (listener.fileno(), channel_fd, stop_fd)
        return Launch([sys.executable, "-c", code, json.dumps(spec)], fds)

    return launch


def command(settings: Settings) -> Launcher:
    """A program that listens by itself, on the port of `--bind`."""
    port = str(settings.bind.port)
    argv = [word.replace(PORT_MARK, port) for word in settings.argv]
    code = _SERVER_CODE.format(module="program")
    env = {**os.environ, **dict.fromkeys(settings.port_env, port)}
    # Python puts a script's own folder on its path; of more it has to be told.
    known = env.get("PYTHONPATH", "")
    env["PYTHONPATH"] = settings.app_dir + (os.pathsep + known if known else "")

    def launch(channel_fd: int, stop_fd: int) -> Launch:
        words = [str(os.getpid()), str(channel_fd), settings.cwd, *argv]
        return Launch([sys.executable, "-c", code, *words], (channel_fd,), env)

    return launch
