"""Whatever a value is, it stays a value."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import unicodedata
from pathlib import Path

import hcl2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.bundler import quoting

# Any text without NUL and without half surrogate pairs: read_environment refuses those.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
TRICKY = st.text(alphabet="$%{}\"\\\n\r\t ~#<`'a\u2028\x7f\x1b")


@settings(deadline=None)
@given(TEXT | TRICKY)
def test_hcl_parses_as_one_attribute(text: str) -> None:
    parsed = hcl2.loads(f"x = {quoting.hcl_string(text)}\ny = 1\n")
    assert {key for key in parsed if not key.startswith("__")} == {"x", "y"}
    assert isinstance(parsed["x"], str)


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(TEXT | TRICKY, min_size=20, max_size=60))
def test_terraform_reads_back_what_was_written(terraform: str, texts: list[str]) -> None:
    lines = [
        f'output "o{index}" {{\n  value = {quoting.hcl_string(text)}\n}}\n'
        for index, text in enumerate(texts)
    ]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.tf").write_text("".join(lines), encoding="utf-8", newline="")
        run = {"cwd": folder, "capture_output": True, "timeout": 60, "check": True}
        subprocess.run([terraform, "apply", "-auto-approve", "-input=false"], **run)  # type: ignore[call-overload]
        shown = subprocess.run([terraform, "output", "-json"], **run)  # type: ignore[call-overload]
    values = json.loads(shown.stdout)
    for index, text in enumerate(texts):
        # Terraform keeps all strings in Unicode's composed form.
        assert values[f"o{index}"]["value"] == unicodedata.normalize("NFC", text)


@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), TEXT, min_size=1))
def test_maps_parse_and_are_aligned(entries: dict[str, str]) -> None:
    lines = quoting.hcl_map(entries, 2)
    parsed = hcl2.loads("m = {\n  " + lines + "\n}\n")
    assert {key.strip('"') for key in parsed["m"]} == set(entries)
    pairs = zip(entries, lines.split("\n"), strict=True)
    assert len({line.strip().index("= ", len(key) + 2) for key, line in pairs}) == 1


@given(st.text())
def test_slug_is_a_name_everywhere(text: str) -> None:
    name = quoting.slug(text)
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
    assert 2 <= len(name) <= quoting.NAME_LENGTH_MAX
    assert not name.startswith(("internal", "aws", "ecs", "fargate"))
    assert quoting.slug(text) == name


def test_long_names_stay_apart() -> None:
    assert quoting.slug("a" * 40 + "1") != quoting.slug("a" * 40 + "2")
    assert quoting.slug("日本") != quoting.slug("中国")
    assert quoting.slug("Furlong") == "furlong"


@given(st.lists(TEXT | TRICKY, min_size=1))
def test_exec_form_is_one_line_of_json(argv: list[str]) -> None:
    line = quoting.exec_form(argv)
    assert json.loads(line) == argv
    assert line.isascii() and line.isprintable() and "<<" not in line


@given(TEXT | TRICKY)
def test_compose_interpolates_nothing(text: str) -> None:
    line = quoting.compose_string(text)
    assert line.isascii() and line.isprintable()
    assert "$" not in line.replace("$$", "")


@given(TEXT | TRICKY)
def test_code_span_closes(text: str) -> None:
    span = quoting.code_span(text)
    assert span.count("`") == 2 and "\n" not in span and span.isprintable()
