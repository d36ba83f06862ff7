"""What a subcommand starts: an app object, a script or a program."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_OBJECT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\(.*\))?")
_ATTRIBUTE = re.compile(r"[^\W\d]\w*")


class TargetError(ValueError):
    """What is to be started is not given, or not in the form that the subcommand takes."""


def target_of(
    command: str, target: str, argv: Sequence[str], folders: Sequence[str]
) -> Mapping[str, object]:
    """The fields of the settings that say what is started; TargetError says how to write it."""
    if command == "web":
        if not _OBJECT.fullmatch(target):
            raise TargetError(f"{target!r} is not MODULE:ATTR; write it like myapp.web:app")
        return {"target": target}
    if command in ("streamlit", "gradio"):
        return {"target": _script(command, target, folders), "interface": "asgi"}
    words = tuple(argv[1:] if argv[:1] in (("--",), ["--"]) else argv)
    if not words or not words[0]:
        example = "-- celery -A app worker" if command == "worker" else "-- python app.py"
        raise TargetError(f"no program is given; write it after --, like {example}")
    # The name only: arguments may hold a secret, and the target is logged.
    return {"target": os.path.basename(words[0]), "argv": words}


def _script(command: str, target: str, folders: Sequence[str]) -> str:
    """The script as an absolute path; for gradio with `:NAME` behind it where one was given."""
    name, colon, attribute = target, "", ""
    if command == "gradio" and ":" in target:
        name, colon, attribute = target.rpartition(":")
        if not _ATTRIBUTE.fullmatch(attribute):
            raise TargetError(f"{target!r} is not SCRIPT:NAME; write it like app.py:demo")
    for folder in folders:
        path = Path(folder, name)
        if path.is_file():
            return f"{path.resolve()}{colon}{attribute}"
    raise TargetError(f"there is no script {name!r} in {' or '.join(map(str, folders))}")
