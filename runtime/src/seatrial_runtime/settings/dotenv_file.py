"""The `.env` file of an app: variables for one machine, never checked in."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seatrial_runtime.settings.settings import SettingsError

FILE = ".env"
LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class Line:
    """One variable, and the line it stands on."""

    value: str
    number: int


def read_dotenv(path: Path) -> Mapping[str, Line]:
    """The variables of a file, none when there is no file.

    Raises SettingsError with the line for what is not NAME=VALUE. `${NAME}` is replaced as
    python-dotenv does: by a variable above it in the file, else by one of the process.
    """
    text = read_text(path)
    if text is None:
        return {}
    # Costs start-up time, which only those pay who have such a file.
    from dotenv.main import resolve_variables
    from dotenv.parser import parse_stream

    lines: dict[str, Line] = {}
    given: list[tuple[str, str | None]] = []
    for binding in parse_stream(io.StringIO(text)):
        number = binding.original.line + _blank_lines(binding.original.string)
        if binding.error:
            raise SettingsError(f"{path}:{number} is not NAME=VALUE; correct or remove the line")
        if binding.key is not None and binding.value is not None:
            given.append((binding.key, binding.value))
            lines[binding.key] = Line("", number)
    values = resolve_variables(given, override=False)
    return {name: Line(values[name] or "", line.number) for name, line in lines.items()}


def _blank_lines(text: str) -> int:
    """A binding begins with the blank lines above it."""
    return text[: len(text) - len(text.lstrip())].count("\n")


def read_text(path: Path) -> str | None:
    """A text file of bounded size; None when it is not there."""
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; make it readable or remove it") from None
    if len(data) > LIMIT_BYTES:
        raise SettingsError(f"{path} is larger than {LIMIT_BYTES} bytes; make it shorter")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8; save it as UTF-8") from None
