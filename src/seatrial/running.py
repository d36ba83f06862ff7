"""What runs of an app: asked, read and stopped without any stage."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import settings
from seatrial.engines.engine import StopReport
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.errors import AppError
from seatrial.project import Project

if TYPE_CHECKING:
    from seatrial.engines.local.engine import LocalEngine


class Running:
    """One app with its settings, its results and its engine on this machine."""

    def __init__(self, app_dir: Path, state_dir: Path | None, tell: Callable[[str], None]) -> None:
        if not app_dir.is_dir():
            raise AppError(
                "is not a folder", where=str(app_dir), fix="give the folder that holds the app"
            )
        self.app_dir = app_dir.resolve()
        self.settings = settings.read(app_dir)
        self.project = Project(self.app_dir, state_dir)
        self.local = self.project.root / "local"
        self.tell = tell

    @cached_property
    def engine(self) -> LocalEngine:
        """What runs apps on this machine."""
        # Its proxy, processes and locks: verbs that only read or plan do without.
        from seatrial.engines.local.engine import LocalEngine

        return LocalEngine(self.local)

    def status(self) -> Deployment | None:
        """What runs, found by looking."""
        return self.engine.status()

    def stop(self) -> StopReport:
        """End everything of the deployment."""
        return self.engine.stop(progress=self.tell)

    def logs(self, lines: int) -> dict[str, tuple[str, ...]]:
        """The last lines of each log, by process."""
        return self.engine.logs(lines)
