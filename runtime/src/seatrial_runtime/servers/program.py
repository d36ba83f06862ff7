"""Becomes the program of `seatrial-run command`; told by the kernel when the supervisor dies."""

import os
import sys

from seatrial_runtime.supervisor.channel import Message, Sender
from seatrial_runtime.supervisor.processes import die_with_parent

_CANNOT_START = 127


def main() -> None:
    """Entry point: the supervisor's pid, the channel, the folder, then the program's words."""
    parent, channel, folder, *argv = sys.argv[1:]
    sender = Sender(int(channel))  # Closed by `exec`: the program has no business with it.
    die_with_parent(int(parent))
    os.chdir(folder)
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        hint = "check the name, and that it is installed in the environment of seatrial-run"
        text = f"cannot start {argv[0]}: {error.strerror}"
        sender.send(Message("failed", os.getpid(), text, hint))
        sys.exit(_CANNOT_START)
