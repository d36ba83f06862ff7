from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial_runtime.settings.layers import Resolved, reload, resolve
from seatrial_runtime.settings.options import OPTIONS
from seatrial_runtime.settings.parsers import Rate
from seatrial_runtime.settings.settings import (
    Found,
    SettingsError,
    from_json,
    parsed,
    settle,
    to_json,
)

DOC = Path(__file__).parents[3] / "docs/runtime/settings.md"
EVERYWHERE = ("web", "streamlit", "gradio", "worker", "command")


def settled(folder: Path, command: str = "web", *argv: str, **flags: str) -> Resolved:
    return resolve(command, "app:app", argv, flags, {}, str(folder))


def with_variables(folder: Path, **environ: str) -> Resolved:
    return resolve("web", "app:app", (), {}, environ, str(folder))


def test_each_layer_wins_over_the_ones_below(tmp_path: Path) -> None:
    """The layers are added one by one, from the lowest up."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    source = f"files:{secrets}"

    def found(flags: dict[str, str], **environ: str) -> tuple[int, str, str | None]:
        flags = {"secrets": source, "environment": "production", **flags}
        one = resolve("web", "app:app", (), flags, environ, str(tmp_path))
        return one.settings.threads, one.origins["threads"], one.app_environment.get("COLOUR")

    toml = tmp_path / "seatrial.toml"
    assert found({}) == (8, "default", None)
    toml.write_text('[app]\nenv = { COLOUR = "app" }\n')
    assert found({})[2] == "app"
    toml.write_text('[runtime]\nthreads = 2\nenv = { COLOUR = "common" }\n')
    assert found({}) == (2, "seatrial.toml:2 [runtime]", "common")
    own = '[runtime.production]\nthreads = 3\nenv = { COLOUR = "own" }\n'
    toml.write_text(toml.read_text() + own)
    assert found({}) == (3, "seatrial.toml:5 [runtime.production]", "own")
    (secrets / "SEATRIAL_THREADS").write_text("4\n")
    (secrets / "colour").write_text("secret\n")
    assert found({}) == (4, f"{source} SEATRIAL_THREADS", "secret")
    (tmp_path / ".env").write_text("\n# mine\nSEATRIAL_THREADS=5\nCOLOUR=dotenv\n")
    assert found({}) == (5, ".env:3 SEATRIAL_THREADS", "dotenv")
    assert found({}, SEATRIAL_THREADS="6", COLOUR="") == (6, "SEATRIAL_THREADS", "")
    assert found({}, SEATRIAL_THREADS="")[0] == 5
    assert found({"threads": "7"}, SEATRIAL_THREADS="6")[:2] == (7, "--threads")


def example() -> str:
    return DOC.read_text().partition("```toml\n")[2].partition("```")[0]


@pytest.mark.parametrize(
    ("environment", "variables", "level", "rate"),
    [
        ("development", "True 600 1000 5 False", "DEBUG", None),
        ("staging", "False 1800 5000 10 True", "INFO", Rate(100, 60)),
        ("production", "False 3600 10000 20 True", "WARNING", Rate(60, 60)),
    ],
)
def test_the_documented_app_by_environment(
    tmp_path: Path, environment: str, variables: str, level: str, rate: Rate | None
) -> None:
    (tmp_path / "seatrial.toml").write_text(example())
    one = settled(tmp_path, environment=environment)
    names = ("DEBUG", "CACHE_TTL", "MAX_SCENARIOS", "DB_POOL_SIZE", "REDIS_ENABLED")
    assert [one.app_environment[name] for name in names] == variables.split()
    assert one.app_environment["LOG_LEVEL"] == one.settings.log_level == level
    assert one.app_environment["ENVIRONMENT"] == environment
    assert one.settings.rate_limit == rate
    assert one.settings.request_timeouts == (("/export", 120.0),)


def test_what_the_app_says_of_its_level_stays(tmp_path: Path) -> None:
    (tmp_path / "seatrial.toml").write_text('[runtime.env]\nLOG_LEVEL = "ERROR"\n')
    assert settled(tmp_path).app_environment["LOG_LEVEL"] == "ERROR"
    assert with_variables(tmp_path, LOG_LEVEL="info").app_environment["LOG_LEVEL"] == "info"


def test_the_file_may_name_the_environment(tmp_path: Path) -> None:
    text = '[runtime]\nenvironment = "staging"\n[runtime.staging]\nthreads = 3\n'
    (tmp_path / "seatrial.toml").write_text(text)
    assert settled(tmp_path).settings.threads == 3
    assert settled(tmp_path, environment="production").settings.threads == 8
    assert with_variables(tmp_path, SEATRIAL_ENVIRONMENT="development").settings.threads == 8


def test_files_beside_the_app_or_in_the_working_folder(tmp_path: Path) -> None:
    inner = tmp_path / "src"
    inner.mkdir()
    (tmp_path / "seatrial.toml").write_text("[runtime]\nthreads = 3\n")
    (tmp_path / ".env").write_text("A=outer\n")
    assert settled(tmp_path, app_dir="src").settings.threads == 3
    (inner / ".env").write_text("A=inner\n")
    one = settled(tmp_path, app_dir="src")
    assert one.app_environment["A"] == "inner"
    assert one.settings.app_dir == str(inner)


def test_unknown_variables_are_told_with_the_nearest(tmp_path: Path) -> None:
    one = with_variables(tmp_path, SEATRIAL_WORKER="2", SEATRIAL_ENVOY="x", SEATRIAL_X="1")
    assert one.warnings == (
        "SEATRIAL_WORKER is not an option of seatrial-run; did you mean SEATRIAL_WORKERS?",
        "SEATRIAL_X is not an option of seatrial-run",
    )


def test_what_kubernetes_tells_of_its_services_is_no_mistake(tmp_path: Path) -> None:
    names = ("SERVICE_HOST", "WEB_SERVICE_PORT", "WEB_PORT", "WEB_PORT_80_TCP_ADDR", "PRICES_DIR")
    assert not with_variables(tmp_path, **{f"SEATRIAL_{name}": "x" for name in names}).warnings


def test_an_app_that_is_told_another_environment(tmp_path: Path) -> None:
    [warning] = with_variables(tmp_path, ENVIRONMENT="Production").warnings
    assert "set SEATRIAL_ENVIRONMENT=production" in warning
    told = {"ENVIRONMENT": "production", "SEATRIAL_ENVIRONMENT": "production"}
    assert not with_variables(tmp_path, **told).warnings


@pytest.mark.parametrize("command", ["streamlit", "gradio"])
def test_sessions_in_memory_want_one_worker(tmp_path: Path, command: str) -> None:
    (tmp_path / "app.py").touch()

    def one(**environ: str) -> Resolved:
        return resolve(command, "app.py", (), {}, environ, str(tmp_path))

    made = one(SEATRIAL_WORKERS="1").settings
    assert (made.target, made.interface, made.workers) == (str(tmp_path / "app.py"), "asgi", 1)
    with pytest.raises(SettingsError, match="SEATRIAL_WORKERS: '4' workers cannot share"):
        one(SEATRIAL_WORKERS="4")
    with pytest.raises(SettingsError, match="no script"):
        resolve(command, "absent.py", (), {}, {}, str(tmp_path))


def test_a_name_in_a_gradio_script(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    made = resolve("gradio", "app.py:demo", (), {}, {}, str(tmp_path)).settings
    assert made.target == f"{tmp_path / 'app.py'}:demo"
    with pytest.raises(SettingsError, match="not SCRIPT:NAME"):
        resolve("gradio", "app.py:2", (), {}, {}, str(tmp_path))


def test_reload_tells_what_holds_at_once_and_what_does_not(tmp_path: Path) -> None:
    toml, dotenv = tmp_path / "seatrial.toml", tmp_path / ".env"
    toml.write_text('[runtime]\nlog_level = "ERROR"\n')
    one = settled(tmp_path)
    assert (reload(one).log_level, reload(one).restart) == ("ERROR", ())
    toml.write_text('[runtime]\nlog_level = "INFO"\nthreads = 3\n')
    dotenv.write_text("KEY=1\n")
    again = reload(one)
    assert (again.log_level, again.restart, again.error) == ("INFO", ("--threads", "KEY"), "")
    toml.write_text("[runtime\n")
    again = reload(one)
    assert again.log_level == "ERROR"
    assert "not TOML" in again.error


def test_settings_survive_the_way_to_a_worker(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    for command in EVERYWHERE:
        target = "app.py" if command in ("streamlit", "gradio") else "app:app"
        flags = {"environment": "production", "management": f"unix:{tmp_path}/m"}
        made = resolve(command, target, ("prog", "x"), flags, {}, str(tmp_path)).settings
        assert from_json(to_json(made)) == made
    lists = {"checks": "a=tcp://h:1,b=B_URL", "request_timeouts": "/a=1,/b=2.5"}
    lists |= {"trusted_proxies": "10.0.0.0/8,::1/128", "bind": "[::1]:80"}
    made = settle("web", "a:b", (), {name: Found(text, "") for name, text in lists.items()})
    assert from_json(to_json(made)) == made


@settings(deadline=None)
@given(st.sampled_from(OPTIONS), st.text(max_size=40))
def test_any_text_is_a_value_or_a_clear_error(option: object, text: str) -> None:
    chosen = next(one for one in OPTIONS if one is option)
    try:
        parsed(chosen, Found(text, "here"))
    except SettingsError as error:
        assert str(error).startswith("here: ")
        assert chosen.flag in str(error)


def test_every_option_has_a_field_and_a_good_default() -> None:
    for option in OPTIONS:
        for text in (option.default, *option.by_environment.values()):
            parsed(option, Found(text, ""))
