"""Secrets in the source: found by form, name and place, and never told.

Tokens are put together here, so that no text of this file looks like one.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.profiler.detectors import secret_forms, secret_keys, secret_words, secrets
from seatrial.profiler.part import Part
from seatrial.profiler.source import Source

Write = Callable[[dict[str, str | bytes]], Source]
MIXED = string.ascii_letters + string.digits


def chance(length: int, letters: str = MIXED, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(letters, k=length))


TOKENS = {
    "an AWS access key id": "AK" + "IA" + chance(16, string.ascii_uppercase + "234567"),
    "a GitHub token": "gh" + "p_" + chance(36),
    "an OpenAI key": "sk" + "-proj-" + chance(60) + "T3Blbk" + "FJ" + chance(60, seed=8),
    "an Anthropic key": "sk" + "-ant-api03-" + chance(93),
    "a Google API key": "AI" + "za" + chance(35),
    "a Hugging Face token": "hf" + "_" + chance(34, string.ascii_letters),
    "a Slack token": "xox" + "b-" + "204859137260-" + chance(24),
    "a GitLab token": "glp" + "at-" + chance(20),
    "a Groq key": "gs" + "k_" + chance(52),
    "a Stripe key": "sk" + "_live_" + chance(24),
    "a SendGrid key": "S" + "G." + chance(22) + "." + chance(43, seed=9),
    "an Azure storage key": "AccountKey=" + chance(86) + "==",
    "a private key": "-----BEGIN RSA PRIVATE" + " KEY-----\\n" + chance(64),
    "a signed token (JWT)": "ey" + "J" + chance(30) + ".ey" + "J" + chance(60) + "." + chance(43),
}


def part(source: Source, main: bool = True) -> Part:
    return Part(
        source=source, name="web", kind="web", framework="flask", entry="app:app",
        paths=tuple(p for p in source.python_files if "test" not in p), dependencies={}, main=main,
    )  # fmt: skip


@pytest.mark.parametrize("title", TOKENS)
def test_tokens_are_found_by_their_form_and_never_told(app: Write, title: str) -> None:
    token = TOKENS[title]
    files: dict[str, str | bytes] = {
        "app.py": "x = 1\n",
        "deploy/values.yaml": f"a: 1\nkey: {token}\n",
    }
    told = list(secrets.detect(part(app(files))))
    assert [(f.rule, f.subject, f.proof.file) for f in told] == [
        ("secret.committed", title, "deploy/values.yaml")
    ]
    assert told[0].proof.line == 2 and told[0].severity == "high"
    assert chance(16)[4:] not in str(told) and token[-12:] not in str(told)


@pytest.mark.parametrize("title", TOKENS)
def test_what_is_cut_or_shown_is_no_token(app: Write, title: str) -> None:
    token = TOKENS[title]
    shown = token[:12] + "x" * (len(token) - 12)
    text = f"{token[:14]}\nword{token}\n" if title != "a private key" else ""
    if "=" in token or "BEGIN" in token:
        text = ""  # these begin inside a line
    assert not list(secret_forms.in_text("a.py", f"{text}{shown}\n"))


@pytest.mark.parametrize(
    "path",
    [
        "tests/data.json", "docs/a.txt", "README.md", "config.example.yaml", "poetry.lock",
        ".env.sample", "web/app.min.js", "a/fixtures/b.yaml",
    ],
)  # fmt: skip
def test_where_nobody_keeps_secrets(app: Write, path: str) -> None:
    source = app({"app.py": "x = 1\n", path: TOKENS["a GitHub token"]})
    assert not list(secrets.detect(part(source)))


def test_only_the_main_component_tells_of_the_whole_source(app: Write) -> None:
    source = app({"app.py": "x = 1\n", "a.yaml": TOKENS["a GitHub token"]})
    assert not list(secrets.detect(part(source, main=False)))


def test_large_and_binary_files_do_no_harm(app: Write) -> None:
    token = TOKENS["a GitHub token"].encode()
    source = app(
        {"app.py": "x = 1\n", "a.txt": b"\x00\xff" + token, "big.txt": b" " * 2**20 + token}
    )
    list(secrets.detect(part(source)))


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("postgresql://anna:k4Zz8-wunder@db.shop.net/x", True),
        ("redis://:k4Zz8-wunder@cache.shop.net:6379", True),
        ("amqps://u:k4Zz8wunder@h.cloudamqp.com/v", True),
        ("postgresql://anna:k4Zz8-wunder@localhost/x", False),
        ("postgresql://anna:k4Zz8-wunder@db/x", False),
        ("postgresql://anna:k4Zz8-wunder@10.0.0.4/x", False),
        ("postgresql://anna:password@db.shop.net/x", False),
        ("postgresql://anna:anna@db.shop.net/x", False),
        ("postgresql://anna:${DB_PASSWORD}@db.shop.net/x", False),
        ("postgresql://anna:%s@db.shop.net/x", False),
        ("postgresql://anna:k4Zz8-wunder@db.example.com/x", False),
        ("https://db.shop.net/a:b@c", False),
        ("see https://h.net:8080/a and b@c.de", False),
    ],
)
def test_addresses_with_passwords(address: str, found: bool) -> None:
    told = list(secret_forms.in_text("a.py", f"x = 1\nurl = '{address}'\n"))
    assert [f.rule for f in told] == (["secret.in-url"] if found else [])
    assert "wunder" not in str(told)


# code -> rules
KEYS: dict[str, tuple[str, list[str]]] = {
    "Flask": ("app.secret_key = 'x'", ["hard-coded-key"]),
    "bytes": ("app.secret_key = b'abc'", ["hard-coded-key"]),
    "a mapping": ("app.config.from_mapping(SECRET_KEY='dev')", ["hard-coded-key"]),
    "an update": ("app.config.update(SECRET_KEY='dev', DEBUG=True)", ["hard-coded-key"]),
    "replaced": (
        "import os\nSECRET_KEY = 'dev'\nSECRET_KEY = os.environ['SECRET_KEY']", [],
    ),
    "another's key": ("AWS_SECRET_KEY = 'abc'\nSTRIPE_SECRET_KEY = 'x'", []),
    "a header's name": ("API_KEY = 'X-OAUTH2-Client-Secret'\nAUTH_TOKEN = 'auth_token_1'", []),
    "empty": ("SECRET_KEY = ''\nJWT_SECRET = None", []),
    "by chance": ("import secrets\nSECRET_KEY = secrets.token_hex(32)", ["key-per-process"]),
    "by chance as default": (
        "import os\nSECRET_KEY = os.environ.get('SECRET_KEY') or os.urandom(24).hex()",
        ["key-per-process"],
    ),
    "by chance for one token": ("import secrets\ntoken = secrets.token_hex(8)", []),
    "default": ("import os\nk = os.environ.get('JWT_SECRET', 'dev')", ["default-key"]),
    "default of another": ("import os\nk = os.environ.get('API_HOST', 'dev')", []),
    "settings class": (
        "from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n"
        "    jwt_secret: str = 'dev'\n    secret_key: str", ["default-key"],
    ),
    "settings class by chance": (
        "import secrets\nfrom pydantic_settings import BaseSettings\nclass S(BaseSettings):\n"
        "    SECRET_KEY: str = secrets.token_urlsafe(32)", ["key-per-process"],
    ),
    "a strong literal": ("client = connect(api_key='{made}')", ["committed"]),
    "a weak literal": ("client = connect(api_key='your-api-key-goes-here')", []),
    "a token of a known form": ("TOKEN = '{token}'", []),
}  # fmt: skip


@pytest.mark.parametrize("case", KEYS)
def test_keys_in_the_code(app: Write, case: str) -> None:
    code, rules = KEYS[case]
    code = code.replace("{made}", chance(32)).replace("{token}", TOKENS["a GitHub token"])
    told = list(secret_keys.detect(part(app({"app.py": code + "\n"}))))
    assert [f.rule.removeprefix("secret.") for f in told] == rules
    assert chance(32)[4:] not in str(told)


@given(st.text(max_size=400))
def test_any_text_is_searched(text: str) -> None:
    for fact in secret_forms.in_text("x", text):
        assert fact.proof.line >= 1
    assert secret_words.masked(text) == "masked" or text[4:] not in secret_words.masked(text)


@given(st.text(alphabet="ab:/@.-_eyJsk", max_size=3000))
def test_hostile_texts_are_searched(text: str) -> None:
    list(secret_forms.in_text("x", f"://{text}@{text}eyJ{text}sk-{text}"))


def test_words_are_not_strong() -> None:
    for text in (
        "correct-horse-battery",
        "a" * 40,
        "/usr/local/lib/python3",
        "hello world 123456789",
        "[-!#$%&'*+.^_`|~0-9a-zA-Z]+",
    ):
        assert not secret_words.is_strong(text)
    assert secret_words.is_strong(chance(32)) and secret_words.is_strong(
        chance(32, "0123456789abcdef")
    )
