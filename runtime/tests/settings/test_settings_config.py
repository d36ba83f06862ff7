"""`seatrial-run config` and the help, as real commands."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from harness import command
from seatrial_runtime.settings.options import OPTIONS

SECRET = "hunter2-and-more"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/stripe").write_text(SECRET + "1")
    (tmp_path / ".env").write_text(
        f"DATABASE_URL=postgresql://u:{SECRET}2@h/db\nSEATRIAL_THREDS=2\n"
    )
    (tmp_path / "seatrial.toml").write_text(
        f'[runtime]\nsecrets = "files:{tmp_path}/secrets"\n'
        f'rate_limit_store = "redis://:{SECRET}3@cache:6379/0?password={SECRET}4"\n'
        f'[runtime.env]\nAPI_KEY = "{SECRET}5"\nCALLBACK = "https://u:{SECRET}6@h/"\nPLAIN = "5"\n'
    )
    return tmp_path


def asked(folder: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, **environ},
    )


def test_the_table_fits_a_terminal_and_hides_secrets(folder: Path) -> None:
    done = asked(folder, "config", "web", "app:app", "--threads", "3", PLAIN="7")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert SECRET not in done.stdout + done.stderr
    rows = {line.split()[0]: line.split()[1:] for line in lines if len(line.split()) > 2}
    assert rows["threads"] == ["3", "--threads"]
    assert rows["log_level"] == ["DEBUG", "default"]
    assert rows["rate_limit_store"][0].startswith("redis://***")
    assert rows["PLAIN"] == ["7", "environment"]
    assert rows["DATABASE_URL"] == ["***", ".env:1"]
    assert rows["STRIPE"][0] == "***"
    assert "did you mean SEATRIAL_THREADS?" in done.stderr


def test_json_holds_the_same(folder: Path) -> None:
    for words in (("config", "--json", "web", "app:app"), ("config", "web", "app:app", "--json")):
        done = asked(folder, *words, SEATRIAL_ENVIRONMENT="production")
        assert SECRET not in done.stdout
        document = json.loads(done.stdout)
        options = {one["name"]: one for one in document["options"]}
        wanted = {option.name for option in OPTIONS if not option.only or "web" in option.only}
        assert set(options) == wanted
        assert options["rate_limit"] == {
            "name": "rate_limit",
            "value": "60/min",
            "origin": "default of production",
        }
        assert document["environment"] == "production"
        assert len(document["warnings"]) == 1


def test_config_of_other_commands(folder: Path) -> None:
    done = asked(folder, "config", "worker", "--", "celery", "-A", "app")
    assert done.returncode == 0
    assert "graceful_timeout_s" in done.stdout
    assert "threads" not in done.stdout.replace("SEATRIAL_THREDS", "")
    assert asked(folder, "config").returncode == 0
    wrong = asked(folder, "config", "web", "app:app", "--threads", "0")
    assert (wrong.returncode, wrong.stdout) == (2, "")


@pytest.mark.parametrize("name", ["web", "streamlit", "gradio", "worker", "command"])
def test_the_help_teaches(folder: Path, name: str) -> None:
    done = asked(folder, name, "--help")
    assert done.returncode == 0
    for words in ("exit codes:", "example:", "starting:", "probes:", "stopping:"):
        assert words in done.stdout
    for option in OPTIONS:
        assert (f"[{option.variable}]" in "".join(done.stdout.split())) == (
            not option.only or name in option.only
        ), option.name


def test_the_first_help_shows_every_command(folder: Path) -> None:
    done = asked(folder, "--help")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 96
    for name in ("web", "streamlit", "gradio", "worker", "command", "config"):
        assert f"seatrial-run {name} " in done.stdout
    assert asked(folder, "wbe", "app:app").returncode == 2
    assert asked(folder).returncode == 2
    assert asked(folder, "web", "app:app", "--thread", "3").returncode == 2
