"""Draw the picture of the page in the README: python -m tests.picture docs/page.png"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.running import app, browser, chromium, wait_for_result


def main() -> int:
    path = chromium()
    if path is None:
        print("Chromium is not installed", file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory() as folder,
        app(Path(folder) / "log") as url,
        browser(path) as started,
    ):
        page = started.new_page(viewport={"width": 1100, "height": 900})
        page.goto(url)
        wait_for_result(page)
        page.screenshot(path=sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
