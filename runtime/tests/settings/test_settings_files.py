import os
from pathlib import Path

import pytest

from seatrial_runtime.settings.layers import Resolved, resolve
from seatrial_runtime.settings.settings import SettingsError


def settled(folder: Path, **flags: str) -> Resolved:
    return resolve("web", "app:app", (), flags, {}, str(folder))


WRONG_TOML = [
    ("[runtime]\nthreds = 3\n", ":2", "[runtime] threds is unknown; did you mean threads?"),
    ("[runtime]\nthreads = 0\n", ":2 [runtime]", "whole number from 1"),
    ("[runtime]\nthreads = [1]\n", ":2", "is not a value of --threads"),
    ("[runtime]\nthreads = 2026-11-21\n", ":2", "is not a value of --threads"),
    ("[runtime]\napp_dir = 'x'\n", ":2", "app_dir is unknown"),
    ("[runtime]\nupload_types = ['a/b,c/d']\n", ":2", "is not a value of --upload-types"),
    ("[runtime]\nproduction = 1\n", ":2", "[runtime.production] is not a table"),
    ("[runtime.prodution]\nthreads = 1\n", ":1", "did you mean production?"),
    ("[runtime.staging]\nenvironment = 'staging'\n", ":2", "environment is unknown"),
    ("[runtime]\n\n[runtime.production]\nthreads = 0\n", ":4 [runtime.production]", "whole"),
    ("[runtime.env]\nPOOL = 5\n", ":2", 'write it like POOL = "5"'),
    ("[runtime.env]\n'A B' = '5'\n", ":2", "not a variable's name"),
    ("[runtime.env]\nSEATRIAL_THREADS = '5'\n", ":2", "in [runtime]"),
    ("[runtime.production]\nenv = { A = 1 }\n", ":2", "[runtime.production.env] A is not text"),
    ("[app]\nenv = { A = '1' }\n[runtime.env]\nA = '2'\n", ":4", "keep it in one of them"),
    ("[runtimes]\nthreads = 1\n", ":1", "did you mean [runtime]?"),
    ("runtime = 3\n", "", "[runtime] is not a table"),
    ("app = 3\n", "", "[app] is not a table"),
    ("[runtime\n", "", "is not TOML"),
    ("[runtime]\nchecks = 'a=mongodb://h'\n", ":2 [runtime]", "a URL of none of"),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG_TOML)
def test_wrong_toml_is_told_with_its_place(
    tmp_path: Path, text: str, line: str, words: str
) -> None:
    (tmp_path / "seatrial.toml").write_text(text)
    with pytest.raises(SettingsError) as refused:
        settled(tmp_path)
    assert f"seatrial.toml{line}" in str(refused.value)
    assert words in str(refused.value)
    assert refused.value.exit_code == 2


def test_toml_types_are_read_as_the_flags_are(tmp_path: Path) -> None:
    (tmp_path / "seatrial.toml").write_text(
        "[runtime]\nfactory = true\nstuck_s = 2.5\nthreads = 3\n"
        "upload_types = ['image/*', 'application/pdf']\nrate_limit = '5/10s'\n"
        "request_timeouts = { '/a' = 1, '/ab' = 2.5 }\nchecks = { db = 'DATABASE_URL' }\n"
    )
    made = settled(tmp_path).settings
    assert (made.factory, made.stuck_s, made.threads) == (True, 2.5, 3)
    assert made.upload_types == ("image/*", "application/pdf")
    assert made.request_timeouts == (("/ab", 2.5), ("/a", 1.0))
    assert made.checks == (("db", "DATABASE_URL"),)


def test_options_of_other_subcommands_may_stand_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "seatrial.toml").write_text("[runtime]\nthreads = 3\n")
    made = resolve("worker", "", ("celery",), {}, {}, str(tmp_path)).settings
    assert made.target == "celery"


def test_a_wrong_secret_value_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "seatrial.toml").write_text("[runtime]\nrate_limit_store = 'hunter2:redis'\n")
    with pytest.raises(SettingsError) as refused:
        settled(tmp_path)
    assert "hunter2" not in str(refused.value)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "seatrial.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8"):
        settled(tmp_path)
    path.write_bytes(b"#" * (1 << 21))
    with pytest.raises(SettingsError, match="larger than"):
        settled(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(SettingsError, match="Is a directory"):
        settled(tmp_path)


def test_dotenv_as_its_users_write_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# comment\n\nexport A=1\nB='two words'\nC=\"x\\ny\"\nD=${A}2\nEMPTY=\nNONE\n"
        "SEATRIAL_THREADS=3 # why\n"
    )
    one = settled(tmp_path)
    found = [one.app_environment.get(name) for name in ("A", "B", "C", "D", "EMPTY", "NONE")]
    assert found == ["1", "two words", "x\ny", "12", "", None]
    assert one.origins["threads"] == ".env:9 SEATRIAL_THREADS"


def test_a_line_of_dotenv_that_is_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\n\n\n!! secret-text\n")
    with pytest.raises(SettingsError) as refused:
        settled(tmp_path)
    assert ".env:4 is not NAME=VALUE" in str(refused.value)
    assert "secret-text" not in str(refused.value)


def test_files_of_secrets_as_kubernetes_links_them(tmp_path: Path) -> None:
    version = tmp_path / "..2026_11_21"
    version.mkdir()
    (version / "database-url").write_text("postgresql://u:p4ssword@h/db\n")
    (version / "tls.crt").write_text("two\nlines\n")
    (tmp_path / "..data").symlink_to(version.name)
    for name in ("database-url", "tls.crt"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    one = settled(tmp_path / "..", secrets=f"files:{tmp_path}", app_dir=str(tmp_path))
    assert one.app_environment["DATABASE_URL"] == "postgresql://u:p4ssword@h/db"
    assert one.app_environment["TLS_CRT"] == "two\nlines"
    assert one.app_environment["SEATRIAL_SECRET_NAMES"] == "DATABASE_URL,TLS_CRT"
    assert {"p4ssword", "two\nlines"} <= set(one.secret_values)
    assert "p4ssword" not in repr(one.settings)


def test_secrets_that_cannot_be_used(tmp_path: Path) -> None:
    def refused(words: str) -> None:
        with pytest.raises(SettingsError, match=words) as caught:
            settled(tmp_path, secrets=f"files:{folder}")
        assert "s3cret" not in str(caught.value)

    folder = tmp_path / "secrets"
    refused("No such file")
    folder.mkdir()
    (folder / "a-b").write_text("s3cret")
    (folder / "A.B").write_text("s3cret")
    refused("two secrets are both A_B")
    (folder / "A.B").unlink()
    (folder / "1x").write_text("s3cret")
    refused("'1x' cannot be a variable's name")
    (folder / "1x").unlink()
    (folder / "a-b").write_bytes(b"s3cret\xff")
    refused("a-b is not UTF-8")
    (folder / "a-b").write_bytes(b"s3cret\0")
    refused("a-b is binary or over")
    (folder / "a-b").write_bytes(b"s3cret" * 20_000)
    refused("a-b is binary or over")
    (folder / "a-b").write_text("s3cret")
    (folder / "link").symlink_to("nowhere")
    refused("link: No such file")
    (folder / "link").unlink()
    for number in range(501):
        (folder / f"s{number}").touch()
    refused("over 500 files")


def test_doubtful_secrets_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    (folder / "inner").mkdir(parents=True)
    (folder / "key").write_text("value")
    os.chmod(folder / "key", 0o666)
    one = settled(tmp_path, secrets=f"files:{folder}")
    assert one.app_environment["KEY"] == "value"
    assert len(one.warnings) == 2
    assert "anyone may write key" in one.warnings[1]
