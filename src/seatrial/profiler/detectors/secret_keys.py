"""Keys in the code: what signs sessions and tokens, and what a variable's name calls a secret."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors import env, env_classes, secret_forms, secret_words
from seatrial.profiler.detectors.constants import text_of
from seatrial.profiler.detectors.index import Index, indexes
from seatrial.profiler.detectors.settings_modules import with_settings
from seatrial.profiler.part import Part
from seatrial.profiler.reach import keyword, last, literal
from seatrial.profiler.rules import fact

# The settings that sign sessions and tokens, in Flask, Django, Starlette and their extensions.
_SIGNING = re.compile(
    r"(APP_|FLASK_|DJANGO_|SESSION_|JWT_|AUTH_|COOKIE_|CSRF_|WTF_CSRF_|TOKEN_|API_|\w+_)?"
    r"(SECRET_KEY(_BASE)?|JWT_SECRET|JWT_KEY|SESSION_SECRET|COOKIE_SECRET|SIGNING_KEY|AUTH_SECRET)"
)
_NOT_SIGNING = re.compile(
    r".*(AWS|S3|STRIPE|PAYPAL|RECAPTCHA|CAPTCHA|CLIENT|MINIO|TWILIO|CLOUDINARY|BUCKET|ACCESS|"
    r"GOOGLE|GITHUB|FACEBOOK|TWITTER|ALIYUN|TENCENT|OSS|COS|QINIU|LANGFUSE|PLAID|OPENAI|RAZORPAY)"
    r".*"
)
_CHANCE = ("os.urandom", "secrets.token_hex", "secrets.token_urlsafe", "secrets.token_bytes",
           "uuid.uuid4", "django.core.management.utils.get_random_secret_key", "random.random",
           "cryptography.fernet.Fernet.generate_key")  # fmt: skip
_SIGNERS = {"SessionMiddleware": "secret_key", "CookieBackend": "secret_key",
            "JWTStrategy": "secret", "URLSafeTimedSerializer": "secret_key",
            "TimestampSigner": "secret_key"}  # fmt: skip
_KEYWORDS = ("api_key", "password", "token", "secret", "secret_key", "auth_token", "access_token")
_APART = re.compile(r"Test|Dev|Local|Example|Mock")
_TESTING = re.compile(r"(^|/)(tests?|conftest|testing)(/|_|\.|$)|_test\.py$|test_\w+\.py$")
_DEVELOPMENT = re.compile(r"(^|/|_)(dev|development|local|test|testing|ci)(\.py$|/)")


def detect(part: Part) -> Iterator[Fact]:
    """Signing keys that are written out, have a default or change, and other written secrets."""
    reads = {read.name.upper() for read in env.reads(part)}
    for index in with_settings(part) if part.main else indexes(part):
        if _TESTING.search(index.path):
            continue
        yield from _assigned(index, reads)
        yield from _fields(part, index)
        yield from _given(index)
    yield from _defaults(part)


def _assigned(index: Index, reads: set[str]) -> Iterator[Fact]:
    apart = _of_tests(index)
    settings = [
        (name, value)
        for target, value in index.assigned
        if (name := literal(target.slice) if isinstance(target, ast.Subscript) else last(target))
        and id(value) not in apart
        and "test" not in name.lower()
        and (is_signing(name.upper()) or env.is_secret(name))
    ]
    for call in index.of(ast.Call):
        # `app.config.update(SECRET_KEY="...")`, `config.from_mapping(SECRET_KEY="...")`
        if last(call.func) in ("update", "from_mapping", "dict"):
            settings += [
                (one.arg, one.value)
                for one in call.keywords
                if one.arg and (is_signing(one.arg) or env.is_secret(one.arg))
            ]
    # Set from the environment elsewhere in the file, so what is written out is replaced.
    replaced = {name.upper() for name, value in settings if _reads_environment(index, value)}
    for name, value in settings:
        upper = name.upper()
        if upper in replaced or isinstance(value, ast.Name):
            continue
        if is_signing(upper):
            yield from _signing(index, name, value, upper in reads)
        elif isinstance(value, ast.Constant):
            text = value.value
            if isinstance(text, str) and _is_strong(text):
                yield fact(
                    "secret.committed", name, secret_words.masked(text),
                    file=index.path, line=value.lineno, confidence=0.7,
                )  # fmt: skip


def _is_strong(text: str) -> bool:
    """Whether a text is a secret by its looks; those of known makers are told by their form."""
    return secret_words.is_strong(text) and not secret_forms.has_form(text)


def _of_tests(index: Index) -> set[int]:
    """The values in settings classes for tests and development."""
    return {
        id(statement.value)
        for node in index.of(ast.ClassDef)
        if _APART.search(node.name)
        for statement in node.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
    }


def is_signing(name: str) -> bool:
    """Whether a setting's name is one of a key that signs sessions or tokens."""
    return bool(_SIGNING.fullmatch(name)) and not _NOT_SIGNING.fullmatch(name)


def _signing(index: Index, name: str, value: ast.expr, read: bool) -> Iterator[Fact]:
    text = value.value if isinstance(value, ast.Constant) else None
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    if isinstance(text, str) and text and not read:
        if _DEVELOPMENT.search(index.path):
            return
        yield fact(
            "secret.hard-coded-key", name, secret_words.masked(text),
            file=index.path, line=value.lineno,
        )  # fmt: skip
        return
    made = next((one for one in ast.walk(value) if _is_chance(index, one)), None)
    if made is not None:
        falls_back = not _is_chance(index, value) and not _is_chance(index, _first(value))
        yield fact(
            "secret.key-per-process", name,
            "as a default" if falls_back else "at every start",
            file=index.path, line=value.lineno, confidence=0.7 if falls_back else 0.9,
        )  # fmt: skip


def _first(value: ast.expr) -> ast.AST:
    """`os.urandom(24).hex()`: what the method is called of."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.value
    if isinstance(value, ast.Call) and value.args and last(value.func) in ("str", "hexlify"):
        return value.args[0]
    return value


def _is_chance(index: Index, node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and index.foreign(node.func) in _CHANCE


def _reads_environment(index: Index, value: ast.expr) -> bool:
    """Whether a value comes from outside and has no text to fall back to."""
    if isinstance(value, ast.Constant):
        return False
    names = (index.foreign(getattr(n, "func", n)) for n in ast.walk(value))
    found = any(name.startswith(("os.environ", "os.getenv", "decouple")) for name in names)
    made = any(_is_chance(index, node) for node in ast.walk(value))
    return found and not made and not text_of(value)


def _fields(part: Part, index: Index) -> Iterator[Fact]:
    """Fields of settings classes whose default is made by chance in each process."""
    classes = env_classes.settings_classes(part)
    for node in index.of(ast.ClassDef):
        if node.name not in classes:
            continue
        for field in node.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.value, ast.Call):
                continue
            name = last(field.target)
            made = keyword(field.value, "default_factory")
            factory = isinstance(made, ast.Lambda) and _is_chance(index, made.body)
            if is_signing(name.upper()) and (factory or index.foreign(made or field) in _CHANCE):
                yield fact(
                    "secret.key-per-process", name, "as a default",
                    file=index.path, line=field.lineno, confidence=0.7,
                )  # fmt: skip


def _given(index: Index) -> Iterator[Fact]:
    """Secrets that are written into a call."""
    for call in index.of(ast.Call):
        name = last(call.func)
        if name in _SIGNERS:
            given = keyword(call, _SIGNERS[name])
            if given is None and name.endswith(("Serializer", "Signer")) and call.args:
                given = call.args[0]
            text = literal(given) if isinstance(given, ast.Constant) else None
            if text:
                yield fact(
                    "secret.hard-coded-key", name, secret_words.masked(text),
                    file=index.path, line=call.lineno,
                )  # fmt: skip
        elif index.foreign(call.func) in ("jwt.encode", "jose.jwt.encode") and len(call.args) > 1:
            text = literal(call.args[1]) if isinstance(call.args[1], ast.Constant) else None
            if text:
                yield fact(
                    "secret.hard-coded-key", "jwt.encode", secret_words.masked(text),
                    file=index.path, line=call.lineno,
                )  # fmt: skip
        else:
            for one in call.keywords:
                text = literal(one.value) if isinstance(one.value, ast.Constant) else None
                if one.arg in _KEYWORDS and text and _is_strong(text):
                    yield fact(
                        "secret.committed", one.arg, secret_words.masked(text),
                        file=index.path, line=one.value.lineno, confidence=0.7,
                    )  # fmt: skip


def _defaults(part: Part) -> Iterator[Fact]:
    """Signing keys that are read from a variable, with a text to fall back to."""
    told: set[str] = set()
    for read in env.reads(part):
        name = read.name.upper()
        if not is_signing(name) or not read.default or name in told:
            continue
        if _TESTING.search(read.file) or _DEVELOPMENT.search(read.file):
            continue
        if PurePosixPath(read.file).suffix == ".py":
            told.add(name)
            yield fact(
                "secret.default-key", read.name, secret_words.masked(read.default),
                file=read.file, line=read.line,
            )  # fmt: skip
