"""Each provider's dialect over real sockets: what is sent, what is read, how each failure looks."""

import asyncio
import http.client
import json
import logging
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from llm_models import KEY, Way, every_kind, every_way, model
from stand_in import StandIn

from seatrial_runtime.llm.anthropic import anthropic
from seatrial_runtime.llm.errors import BadRequest, FallbackFailed, StreamBroken
from seatrial_runtime.llm.events import Events
from seatrial_runtime.llm.fallback import fallback
from seatrial_runtime.llm.model import prompt_of
from seatrial_runtime.llm.openai_compatible import openai_compatible
from seatrial_runtime.llm.prices import Price

pytest_plugins = ("llm_fixtures",)


@every_kind
@every_way
def test_answers(kind: str, way: Way, server: StandIn) -> None:
    chain = fallback([model(kind, "m-1", server, price=Price(3, 15))])
    turns = [
        {"role": "user", "content": "first words"},
        {"role": "assistant", "content": "an answer"},
        {"role": "user", "content": "and \u2028 now?"},
    ]
    answer = way(chain, turns, system="Be kind.", max_tokens=77, temperature=0.25)
    assert answer.text == "m-1 heard: and \u2028 now?"
    assert answer.model == "m-1"
    assert [attempt.outcome for attempt in answer.attempts] == ["answered"]
    assert answer.stop_reason in ("end_turn", "stop")
    tokens = answer.usage.output_tokens
    assert tokens and answer.cost_usd is not None and answer.cost_usd > 0

    [call] = server.calls
    body = json.dumps(call["body"])
    assert "Be kind." in body and "0.25" in body and "77" in body and "an answer" in body
    assert ("sk-test" in call["key"]) == (kind != "bedrock")


@every_kind
@every_way
@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        ("throttle", "throttled"),
        ("error", "unavailable"),
        ({"do": "error", "status": 503}, "unavailable"),
        ({"do": "error", "status": 529}, "unavailable"),
        ("denied", "denied"),
        ("malformed", "unavailable"),
        ({"do": "hang"}, "timed_out"),
    ],
    ids=str,
)
def test_failures(kind: str, way: Way, step: object, outcome: str, server: StandIn) -> None:
    server.script({"m": [step]})
    limit_s = 1.0 if outcome == "timed_out" else 20.0
    chain = fallback([model(kind, "m", server, timeout_s=limit_s)], throttle_retries=0)
    with pytest.raises(FallbackFailed) as failed:
        way(chain, "hello")
    assert [attempt.outcome for attempt in failed.value.attempts] == [outcome]
    assert server.asked("m") == 1


@every_kind
@every_way
def test_a_bad_request_is_raised_in_the_words_of_the_provider(
    kind: str, way: Way, server: StandIn
) -> None:
    server.script({"m": [{"do": "bad", "text": "prompt is too long"}]})
    chain = fallback([model(kind, "m", server), model(kind, "other", server)])
    with pytest.raises(BadRequest, match="prompt is too long") as refused:
        way(chain, "hello")
    assert refused.value.status == 400
    assert server.asked("other") == 0


@every_kind
def test_cut_answers(kind: str, server: StandIn) -> None:
    server.script({"m": ["cut"]})
    chain = fallback([model(kind, "m", server), model(kind, "next", server)])
    assert chain.ask("hello").model == "next"

    stream = chain.stream("one two three four")
    said: list[str] = []
    with pytest.raises(StreamBroken) as broken:
        said.extend(stream)  # Nobody goes on where another has begun.
    assert broken.value.text == "".join(said) != ""
    assert broken.value.model == "m"
    assert list(stream) == []

    async def run() -> None:
        stream = await chain.stream_async("one two three four")
        with pytest.raises(StreamBroken):
            async for _ in stream:
                pass

    asyncio.run(run())


@every_kind
@every_way
def test_no_key_in_any_text(
    kind: str, way: Way, server: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = (KEY, "secret-example-key")
    made = model(kind, "m", server, timeout_s=0.4)
    # Providers quote the key that they refuse.
    steps = [{"do": "denied", "text": f"bad key {KEY}"}, "hang", "malformed", "cut"]
    for step in [*steps, {"do": "bad", "text": f"no {KEY}"}]:
        server.script({"m": [step]})
        chain = fallback([made])
        try:
            way(chain, "hello")
        except Exception as error:
            shown = "".join(traceback.TracebackException.from_exception(error).format())
            chained: BaseException | None = error
            while chained is not None:  # What an error reporter follows.
                shown += repr(chained) + str(vars(chained))
                chained = chained.__cause__ or chained.__context__
        else:
            raise AssertionError(step)
        for secret in secrets:
            if kind != "bedrock" or step in steps[1:]:
                assert secret not in shown
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("seatrial", "httpx"))]
    for secret in secrets:
        assert secret not in "".join(ours) + repr(made) + repr(vars(made))


def test_keys_come_from_the_environment_or_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "TOGETHER_API_KEY", "COHERE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match="ANTHROPIC_API_KEY"):
        anthropic("m")
    with pytest.raises(ValueError, match="TOGETHER_API_KEY"):
        openai_compatible("m", provider="together")
    with pytest.raises(ValueError, match="provider 'x'"):
        openai_compatible("m", provider="x")
    with pytest.raises(ValueError, match="https"):
        openai_compatible("m", base_url="localhost:8000/v1")
    with pytest.raises(ValueError, match="no key has") as refused:
        anthropic("m", key="sk-1\nx")
    assert "sk-1" not in str(refused.value)
    monkeypatch.setenv("COHERE_API_KEY", KEY + "\n")
    assert openai_compatible("m", provider="cohere")._key.reveal() == KEY
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    # The key of OpenAI is not for another's server.
    assert openai_compatible("m", base_url="http://other/v1")._key.reveal() == ""


def test_the_dialects_of_openai_compatible_providers() -> None:
    prompt = prompt_of("hi", max_tokens=5)
    bodies = {
        name: openai_compatible("m", provider=name, key=KEY).body(prompt, True)
        for name in ("openai", "together", "cohere")
    }
    assert bodies["openai"]["max_completion_tokens"] == 5
    assert bodies["together"]["max_tokens"] == bodies["cohere"]["max_tokens"] == 5
    assert "stream_options" not in bodies["cohere"]
    assert bodies["together"]["stream_options"] == {"include_usage": True}


def test_money_that_is_out_is_not_throttling(server: StandIn) -> None:
    server.script({"m": [{"do": "throttle", "text": "insufficient_quota: add credit"}]})
    with pytest.raises(FallbackFailed) as failed:
        fallback([model("openai", "m", server)]).ask("hello")
    assert failed.value.attempts[0].outcome == "denied"
    assert server.asked("m") == 1


def test_events_do_not_depend_on_how_bytes_are_cut() -> None:
    whole = 'event: x\r\ndata: {"a": "\u2028é"}\r\n\r\ndata: one\ndata: two\n\n: note\ndata:3\n\n'
    data = whole.encode()
    expected = ['{"a": "\u2028é"}', "one\ntwo", "3"]
    for size in range(1, len(data) + 1):
        events = Events()
        found = [e for i in range(0, len(data), size) for e in events.feed(data[i : i + size])]
        assert found == expected


def test_the_stand_in_is_a_program_too() -> None:
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("stand_in.py"), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("POST", "/_script", json.dumps({"m": ["throttle"]}))
        assert connection.getresponse().read() == b"{}"
        chain = fallback(
            [openai_compatible("m", base_url=f"http://127.0.0.1:{port}/v1")], throttle_retries=0
        )
        with pytest.raises(FallbackFailed, match="throttled"):
            chain.ask("hello")
        connection.request("GET", "/_calls")
        [call] = json.loads(connection.getresponse().read())
        assert (call["model"], call["dialect"]) == ("m", "openai")
    finally:
        process.kill()
        process.wait()
