"""What /ready of a real run says of a cache that the app names in its .env."""

import shutil
from pathlib import Path

from conftest import Start
from harness import APPS, wait_for
from redis_server import redis_server


def test_ready_follows_the_cache(run: Start, tmp_path: Path) -> None:
    shutil.copy(APPS / "sample.py", tmp_path)
    with redis_server() as server:
        url = f"redis://{server.host}:{server.port}/0"
        (tmp_path / ".env").write_text(f"REDIS_URL={url}\n")
        app = run("sample:app", "--workers", "1", app_dir=tmp_path, env={"DATABASE_URL": ""})
        app.wait_ready()
        cache = app.ask("/ready")[1]["checks"]["cache"]
        assert cache["ok"] is True
        assert cache["duration_ms"] > 0
    wait_for(lambda: app.ask("/ready")[0] == 503, "not ready")
    told = app.ask("/ready")[1]
    assert told["checks"]["cache"]["ok"] is False
    assert "refused" in told["reason"].lower()
    assert app.ask("/health")[0] == 200
    assert app.get("/") == (200, b"hello")
