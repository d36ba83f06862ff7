"""Where the local engine keeps what: every path under one root, and the deployment's mark."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from seatrial.engines.runner import storage_error
from seatrial.kernel.errors import StorageError
from seatrial.kernel.values import Value

# The shortest limit on the path of a UNIX socket, macOS's, is 104 bytes with the final NUL.
_MAX_SOCKET_PATH_BYTES = 103


class Layout(Value):
    """The folders and files of one root.

    `run`, `endpoints` and `sockets` exist only while something is deployed; `logs`, `env` and
    `releases` stay.
    """

    root: Path

    @property
    def mark(self) -> str:
        """What the deployment mark of every process of this root starts with."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:12] + "-"

    @property
    def state(self) -> Path:
        """What the engine process last knew."""
        return self.root / "state.json"

    @property
    def steps(self) -> Path:
        """Every command and started process, one JSON line each."""
        return self.root / "steps.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the one command that changes the deployment."""
        return self.root / "deploy.lock"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """What the proxy is started from."""
        return self.root / "run"

    @property
    def bootstrap(self) -> Path:
        """The proxy's bootstrap file."""
        return self.run / "proxy.json"

    @property
    def endpoints(self) -> Path:
        """The folder the proxy watches for a new list of replicas."""
        return self.root / "endpoints"

    @property
    def sockets(self) -> Path:
        """The folder of the proxy's administration socket; short, as socket paths must be."""
        if len(os.fsencode(self.run / "admin.sock")) <= _MAX_SOCKET_PATH_BYTES:
            return self.run
        return Path(tempfile.gettempdir(), f"seatrial-{os.getuid()}-{self.mark}")

    @property
    def admin(self) -> Path:
        """The proxy's administration socket."""
        return self.sockets / "admin.sock"

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folders that stay, for this user only. Raises StorageError."""
        self._create(self.root, self.logs)

    def create_run(self) -> None:
        """Make the folders that exist while something is deployed. Raises StorageError."""
        self._create(self.run, self.endpoints, self.sockets)
        held = self.sockets.lstat()
        # In a shared temporary folder somebody else may have made it first, to listen there.
        if not stat.S_ISDIR(held.st_mode) or held.st_uid != os.getuid():
            raise StorageError("is not a folder of yours", where=str(self.sockets), fix="remove it")

    def _create(self, *folders: Path) -> None:
        try:
            for path in folders:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            storage_error(Path(error.filename or self.root), error)


def layout_of(root: Path) -> Layout:
    """The layout of `root`, however it is written: the mark depends on the real path."""
    return Layout(root=root.expanduser().resolve())
