import json
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from telemetry_process import run_code

from seatrial_runtime.telemetry import masking
from seatrial_runtime.telemetry.masking import MASK, redact, redact_value

# Any text may be a secret; letters only would leave the escapes of JSON, repr and URLs untried.
secrets = st.text(
    st.sampled_from(string.ascii_letters + string.digits + "-_/+=.:@ \"'\\%&?#é漢\t"),
    min_size=8,
    max_size=40,
).filter(lambda text: len(text.strip()) >= 8 and len(set(text.strip())) >= 4)
around = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.fixture(autouse=True)
def known_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test taught must not mask the next one's text."""
    for name in ("texts", "lines", "values"):
        monkeypatch.setattr(masking._Known, name, type(getattr(masking._Known, name))())


def forget() -> None:
    masking._Known.texts, masking._Known.lines = (), ()
    masking._Known.values = frozenset()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secrets, around, around)
def test_a_known_value_is_taken_out_of_any_text(secret: str, before: str, after: str) -> None:
    forget()
    masking.add_secrets([secret])
    secret = secret.strip()
    for form in (
        secret,
        repr(secret),
        json.dumps(secret),
        json.dumps({"k": secret}, ensure_ascii=False),
        repr(secret.encode()),
        str(ValueError("x", secret)),
    ):
        masked = redact(before + form + after)
        assert secret not in masked
        assert json.dumps(secret)[1:-1] not in masked


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(secrets, st.sampled_from(["key", "list", "tuple", "bytes", "deep", "object", "plain"]))
def test_a_known_value_is_taken_out_of_any_field(secret: str, where: str) -> None:
    forget()
    masking.add_secrets([secret])
    secret = secret.strip()

    class Holder:
        def __str__(self) -> str:
            return f"<Holder {secret}>"

    value = {
        "key": {secret: 1},
        "list": ["x", [secret]],
        "tuple": (secret, "x"),
        "bytes": secret.encode(),
        "deep": {"a": {"b": [{"c": secret + "tail"}]}},
        "object": Holder(),
        "plain": f"say {secret}!",
    }[where]
    shown = json.dumps(redact_value(value), ensure_ascii=False)
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in shown


LOOKS = {
    "postgres://me:hunter2x@db/x": "hunter2x",
    "Authorization: Basic dXNlcjpwYXNzd29yZA==": "dXNlcjpwYXNz",
    "{'Authorization': 'Token abcdef123'}": "abcdef123",
    "got header authorization=Bearer abc.def-ghi_jkl": "abc.def-ghi",
    "sent bearer 0123456789abcdef to it": "0123456789abcdef",
    "cookie: session=9f8e7d6c; theme=dark": "9f8e7d6c",
    "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4": "eyJzdWIi",
    "key AKIAIOSFODNN7EXAMPLE used": "AKIAIOSFODNN7EXAMPLE",
    "using sk-ant-api03-abcdefghijklmnopqrstuvwx now": "abcdefghijklmnop",
    "push with ghp_abcdefghijklmnopqrstuvwxyz0123456789": "ghp_abcdefghijkl",
    "password=hunter2": "hunter2",
    "DB_PASSWORD='two words'": "two words",
    'config {"api_key": "s3cr3t-value"}': "s3cr3t-value",
    'body "{\\"password\\": \\"hunter2\\"}"': "hunter2",
    "GET /reset?token=abc&x=1 HTTP/1.1": "abc",
    "client_secret=xyz123&grant_type=code": "xyz123",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----": "MIIEow",
    "login failed, password: tr0ub4dor": "tr0ub4dor",
}


@pytest.mark.parametrize("text", LOOKS)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    masked = redact(text)
    assert LOOKS[text] not in masked
    assert MASK in masked


@pytest.mark.parametrize(
    "text",
    [
        "did you mean 'x'?",
        "select * from t where id=? and b=?",
        "mail to ann@example.org failed",
        "used 120 tokens in 3 s",
        "the key of the map is 12",
        "basic auth is off",
        "at 12:30:01 http://example.org/a/b answered 200",
        "secretary of state",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redact(text) == text


def test_fields_with_secret_names_go_whole() -> None:
    given_fields = {"user": "ann", "password": "x", "apiKey": "y", "headers": {"X-Auth-Token": "z"}}
    assert redact_value(given_fields) == {
        "user": "ann",
        "password": MASK,
        "apiKey": MASK,
        "headers": {"X-Auth-Token": MASK},
    }
    assert redact_value({"tokens": 5, "token": 7, "tokenizer": "bert"}) == {
        "tokens": 5,
        "token": 7,
        "tokenizer": "bert",
    }


def test_variables_are_known_by_their_names_or_because_it_is_said() -> None:
    masking.learn(
        {
            "STRIPE": "innocent-name-1",
            "SEATRIAL_SECRET_NAMES": "STRIPE,OTHER",
            "SHOP_API_KEY": "telling-name-2",
            "DATABASE": "postgres://me:in-address-3@db/x",
            "COLOUR": "ultramarine",
        }
    )
    text = "innocent-name-1 telling-name-2 in-address-3 ultramarine"
    assert redact(text) == f"{MASK} {MASK} {MASK} ultramarine"


def test_long_text_is_cut_and_no_half_secret_stays() -> None:
    masking.add_secrets(["planted-value-0123456789"])
    for shift in range(30):
        text = "x" * (masking.MAX_TEXT_CHARS - shift) + "planted-value-0123456789" + "y" * 99
        assert "planted" not in redact(text)


@pytest.mark.parametrize(
    "piece",
    ["/", "=", "?", "a=", "://", "://a:", "password", "password ", "authorization ", '"', "\\",
     "eyJ-", "eyJaaaaa.", "sk-", "bearer ", "-----BEGIN PRIVATE KEY-----", "x?", "token: "],
)  # fmt: skip
def test_hostile_text_takes_no_long(piece: str) -> None:
    # Quadratic work on 128 Ki characters would be minutes: the test would not end.
    redact(piece * (131072 // len(piece)))


PLANTED = "pl4nted-$ecret/\"é'"


def test_nothing_a_program_does_brings_a_planted_secret_out(tmp_path) -> None:  # type: ignore[no-untyped-def]
    code = """
        import json, traceback, warnings
        s = os.environ["SHOP_API_KEY"]
        half = len(s) // 2
        with running(request(path="/x/" + s, user=s, id=s, client=s, method=s)) as context:
            print("all", s); print("split", end=" "); print(s[:half], end=""); print(s[half:])
            sys.stdout.buffer.write(b"bytes " + s.encode()[:9])
            sys.stdout.buffer.write(s.encode()[9:] + b"\\n")
            sys.stderr.write(repr({s: [s]}) + "\\n"); sys.stderr.writelines(["a ", s, "\\n"])
            print(json.dumps({"event": s, s: {"deep": [s]}, "level": "info"}))
            logging.info("arg %s %r", s, {"k": s}); logging.getLogger(s).error(s)
            logging.info("x", extra={"note": s, "obj": {"k": (s, s.encode())}})
            try:
                raise RuntimeError(s, {"k": s})
            except RuntimeError as error:
                logging.exception("failed"); traceback.print_exc(); requests.caught(error, context)
            warnings.warn(s)
            requests.ended(context, 0.1, log=True)
            logs.emit("info", s, **{s: s, "n": [s.encode(), {s: 1}]})
            threading.Thread(target=lambda: 1 / len(s[:0]), name=s).start()
        sys.stdout.write("no newline " + s)
        start.finish(1)
        raise ValueError(s)
    """
    ran = run_code(tmp_path, code, SHOP_API_KEY=PLANTED)
    assert ran.code == 1
    assert len(ran.events) >= 18
    for form in (PLANTED, json.dumps(PLANTED)[1:-1], "pl4nted", "ecret/"):
        assert form not in ran.everything
