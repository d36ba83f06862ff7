"""What runs of an app: asked, read and stopped without any stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seatrial import settings
from seatrial.engines.engine import StopReport
from seatrial.engines.local.engine import LocalEngine
from seatrial.kernel.deployment import Deployment
from seatrial.kernel.errors import AppError
from seatrial.project import Project


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
        self.engine = LocalEngine(self.local)
        self.tell = tell

    def status(self) -> Deployment | None:
        """What runs, found by looking."""
        return self.engine.status()

    def stop(self) -> StopReport:
        """End everything of the deployment."""
        return self.engine.stop(progress=self.tell)

    def logs(self, lines: int) -> dict[str, tuple[str, ...]]:
        """The last lines of each log, by process."""
        return self.engine.logs(lines)
