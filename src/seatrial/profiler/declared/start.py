"""Start: how somebody wrote down that a process of the app is started."""

from __future__ import annotations

from typing import Literal

from seatrial.kernel.values import Value

Role = Literal["", "web", "worker", "scheduler", "frontend", "job"]
"""What a process is for, as far as its command tells: a `job` ends (migrations, a build)."""


class Step(Value):
    """One simple command of a command line, in the order in which they stand there.

    `job` is `migrate` for a database migration, `other` for what ends by itself, '' for a
    process that stays. `words` are the expanded words, secrets masked. `background` says that
    it ends in `&`, `dev` that it is a development server, `conditional` that it stands in a
    branch of an `if`.
    """

    words: tuple[str, ...]
    program: str = ""
    job: Literal["", "migrate", "other"] = ""
    background: bool = False
    dev: bool = False
    conditional: bool = False
    variables: tuple[tuple[str, str], ...] = ()
    file: str = ""
    line: int = 0


class Start(Value):
    """One start command, taken apart.

    `process` is the name it has where it stands (`web` in a Procfile, the service in a compose
    file); `command` the command as written, on one line, secrets masked. `program` is what it
    runs: `gunicorn`, `uvicorn`, `fastapi`, `flask`, `django` (manage.py), `streamlit`,
    `python`, `celery`, `npm`, ...; '' when it cannot be told.

    What is run is one of: `module` with `attr` ('' leaves the attribute open) and the
    `arguments` of a factory's call; `script_file`, a file relative to `app_dir`; `run_module`
    for `python -m`; `script`, the name of an installed script. All are empty for a program that
    needs none (`rq worker`, `npm start`).

    `app_dir` is the folder on `sys.path`, relative to the app's root. `port` is 0 when none is
    named, `options` what else matters, by the program's long name without dashes (`workers`,
    `timeout`, `reload`, `worker-class`, and `command` for a subcommand); a flag without a value
    has ''. What the environment sets by a variable of its own is there too (`GUNICORN_CMD_ARGS`).

    `file` and `line` are where the command itself stands, which is in the script that a
    Dockerfile's CMD runs; `origin` is the kind of file that declares it (`Procfile`,
    `Dockerfile`, `compose`, ...) and `declared_in` that file. `strength` orders the origins, a
    higher one is believed first. `role` is what it is for; `dev` says that its place or its
    server is for development. `waits` says that a shell stands between it and the signals sent
    to the container's first process. `steps` are all commands of its line.
    """

    process: str
    command: str
    program: str = ""
    module: str = ""
    attr: str = ""
    arguments: str = ""
    factory: bool = False
    script_file: str = ""
    run_module: str = ""
    script: str = ""
    app_dir: str = "."
    port: int = 0
    options: tuple[tuple[str, str], ...] = ()
    file: str
    line: int = 0
    origin: str = ""
    declared_in: str = ""
    strength: int = 0
    role: Role = ""
    dev: bool = False
    waits: bool = False
    variables: tuple[tuple[str, str], ...] = ()
    steps: tuple[Step, ...] = ()

    def option(self, *names: str) -> str | None:
        """The value of the first of these options that is given; none when none is."""
        given = dict(self.options)
        return next((given[name] for name in names if name in given), None)
