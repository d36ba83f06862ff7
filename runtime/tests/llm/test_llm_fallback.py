"""The decisions of a chain: who is asked, how often, for how long, and when not at all."""

import asyncio
import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from llm_models import Way, every_way, model
from stand_in import StandIn

from seatrial_runtime.llm.course import Course
from seatrial_runtime.llm.errors import (
    BadRequest,
    Denied,
    FallbackFailed,
    LlmError,
    StreamBroken,
    Throttled,
    TimedOut,
    Unavailable,
)
from seatrial_runtime.llm.fallback import fallback
from seatrial_runtime.llm.local import NOTE, extract, local_model
from seatrial_runtime.llm.model import End, Model, Prompt, Reply, prompt_of
from seatrial_runtime.llm.prices import Ledger, Price, Usage
from seatrial_runtime.resilience.budgets import RetryBudget
from seatrial_runtime.resilience.circuit import CircuitBreaker
from seatrial_runtime.resilience.deadlines import deadline

pytest_plugins = ("llm_fixtures",)


class Scripted(Model):
    """Does what it is told, call by call; the last stays."""

    def __init__(self, name: str, *steps: object, **more: object) -> None:
        super().__init__(name, **more)  # type: ignore[arg-type]
        self.steps, self.calls = steps or ("ok",), 0

    def call(self, prompt: Prompt, timeout_s: float) -> Reply:
        step = self.steps[min(self.calls, len(self.steps) - 1)]
        self.calls += 1
        if isinstance(step, BaseException):
            raise step
        return Reply(str(step), Usage(10, 20))


ERRORS = (Throttled("t"), Unavailable("u"), TimedOut("o"), Denied("d"), BadRequest("b"))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from([*ERRORS, "ok"]), min_size=1, max_size=7))
def test_the_first_that_answers_is_the_answer(steps: "list[LlmError | str]") -> None:
    models = [Scripted(f"m{i}", step) for i, step in enumerate(steps)]
    chain = fallback(models, throttle_retries=0)
    outcome: object
    try:
        outcome = chain.ask("hello").model
    except LlmError as error:
        outcome = error

    expected = next(
        (i for i, step in enumerate(steps) if step == "ok" or isinstance(step, BadRequest)), None
    )
    asked = len(steps) if expected is None else expected + 1
    assert [m.calls for m in models] == [1] * asked + [0] * (len(steps) - asked)
    if expected is None:
        assert isinstance(outcome, FallbackFailed)
        said = [attempt.outcome for attempt in outcome.attempts]
        assert said == [step.outcome for step in steps if isinstance(step, LlmError)]
    elif steps[expected] == "ok":
        assert outcome == f"m{expected}"
    else:
        assert isinstance(outcome, BadRequest)


@every_way
def test_throttled_is_tried_again_and_then_the_next(way: Way, server: StandIn) -> None:
    server.script(
        {
            "once": [{"do": "throttle", "retry_after_s": 0}, "ok"],
            "always": [{"do": "throttle", "retry_after_s": 0}],
        }
    )
    assert way(fallback([model("anthropic", "once", server)]), "hi").model == "once"
    chain = fallback([model("anthropic", "always", server), model("openai", "next", server)])
    answer = way(chain, "hi")
    assert [a.outcome for a in answer.attempts] == ["throttled", "throttled", "answered"]
    assert [a.status for a in answer.attempts] == [429, 429, 0]
    assert answer.model == "next"
    assert server.asked("always") == 2


def test_a_long_retry_after_is_left_to_the_next_model_and_told_when_none_answers() -> None:
    later = Throttled("t", retry_after_s=50)
    first, second = Scripted("first", later), Scripted("second")
    assert fallback([first, second]).ask("hi").model == "second"
    assert first.calls == 1
    with pytest.raises(FallbackFailed) as failed:
        fallback([first], deadline_s=10).ask("hi")  # Alone, but with too little time.
    assert failed.value.retry_after_s == 50
    alone = Scripted("alone", Throttled("t", retry_after_s=0.3), "ok")
    assert fallback([alone], longest_wait_s=0.1).ask("hi").text == "ok"


def test_retries_of_an_overloaded_chain_stay_within_the_budget() -> None:
    busy = Scripted("busy", Throttled("t", retry_after_s=0), circuit=_never_opens())
    chain = fallback([busy, Scripted("spare")], budget=RetryBudget(0.1, 5))
    for _ in range(200):
        assert chain.ask("hi").model == "spare"
    assert 220 <= busy.calls <= 226


def _never_opens() -> CircuitBreaker:
    return CircuitBreaker("never", failures=10**9)


def test_a_model_that_keeps_failing_is_left_out_and_comes_back() -> None:
    clock_s = [0.0]
    circuit = CircuitBreaker("down", failures=3, clock=lambda: clock_s[0])
    down = Scripted("down", *[Unavailable("u")] * 3, "up", circuit=circuit)
    chain = fallback([down, Scripted("spare")])
    for _ in range(3):
        assert chain.ask("hi").model == "spare"
    answer = chain.ask("hi")
    assert [a.outcome for a in answer.attempts] == ["circuit_open", "answered"]
    assert down.calls == 3
    clock_s[0] += 30
    assert chain.ask("hi").model == "down"
    assert circuit.state == "closed"


def test_when_all_circuits_are_open_it_says_when_to_come_back() -> None:
    down = Scripted("down", Unavailable("u"), circuit=CircuitBreaker("c", failures=1))
    chain = fallback([down])
    with pytest.raises(FallbackFailed):
        chain.ask("hi")
    with pytest.raises(FallbackFailed, match="circuit_open") as failed:
        chain.ask("hi")
    assert 0 < (failed.value.retry_after_s or 0) <= 30
    assert down.calls == 1


def test_bad_questions_do_not_open_a_circuit_and_bugs_are_seen() -> None:
    strict = Scripted("strict", BadRequest("b"), circuit=CircuitBreaker("c", failures=1))
    chain = fallback([strict])
    for _ in range(3):
        with pytest.raises(BadRequest):
            chain.ask("hi")
    assert strict.circuit.state == "closed"
    with pytest.raises(ZeroDivisionError):
        fallback([Scripted("bug", ZeroDivisionError()), Scripted("spare")]).ask("hi")


@every_way
def test_one_deadline_is_over_the_whole_chain(way: Way, server: StandIn) -> None:
    server.script({"*": ["hang"]})
    names = [f"m{i}" for i in range(7)]
    chain = fallback(
        [model("openai", name, server, timeout_s=0.3) for name in names], deadline_s=0.8
    )
    began_s = time.monotonic()
    with pytest.raises(FallbackFailed) as failed:
        way(chain, "hi")
    assert time.monotonic() - began_s < 20  # Seven models of 0.3 s, were it not for the 0.8.
    assert {a.outcome for a in failed.value.attempts} == {"timed_out"}
    assert 1 <= len(failed.value.attempts) <= 4

    with deadline(0), pytest.raises(FallbackFailed, match="no time"):
        way(chain, "hi")


@every_way
def test_a_stream_falls_back_before_its_first_word_only(way: Way, server: StandIn) -> None:
    server.script({"silent": ["hang"], "down": ["error"]})
    chain = fallback(
        [
            model("bedrock", "silent", server, timeout_s=0.4),
            model("anthropic", "down", server),
            model("openai", "speaks", server),
        ]
    )
    answer = way(chain, "good day")
    assert answer.text == "speaks heard: good day"
    assert [a.outcome for a in answer.attempts] == ["timed_out", "unavailable", "answered"]


def test_a_stream_that_stops_is_ended_by_the_time_limit(server: StandIn) -> None:
    # Each word takes longer than the limit, the first comes at once as Bedrock's start is no word.
    class Stalls(Scripted):
        def stream(self, prompt: Prompt, timeout_s: float) -> Iterator[str | End]:
            yield "first "
            server.ended.wait(60)
            yield "second"

    stalls = Stalls("stalls", timeout_s=0.2, circuit=CircuitBreaker("c", failures=1))
    stream = fallback([stalls]).stream("hi")
    with pytest.raises(StreamBroken) as broken:
        list(stream)
    assert broken.value.text == "first " and broken.value.outcome == "timed_out"
    assert stalls.circuit.state == "open"


def test_leaving_a_stream_closes_it_and_says_what_came() -> None:
    closed = threading.Event()

    class Endless(Scripted):
        def stream(self, prompt: Prompt, timeout_s: float) -> Iterator[str | End]:
            try:
                while True:
                    yield "word "
                    time.sleep(0.001)
            finally:
                closed.set()

    chain = fallback([Endless("endless", price=Price(1, 1))])
    with chain.stream("hi") as stream:
        with pytest.raises(RuntimeError):
            _ = stream.answer
        assert next(stream) == "word "
    assert closed.wait(20)
    assert stream.answer.text == "word " and stream.answer.stop_reason == "closed"
    assert stream.answer.cost_usd is None  # Nobody told how many tokens.

    closed.clear()

    async def run() -> None:
        async with await chain.stream_async("hi") as stream:
            assert await stream.__anext__() == "word "

    asyncio.run(run())
    assert closed.wait(20)


def test_a_cancelled_question_is_no_failure_of_the_model(server: StandIn) -> None:
    server.script({"m": ["hang"]})
    made = model("openai", "m", server, circuit=CircuitBreaker("c", failures=1))
    chain = fallback([made])

    async def run() -> None:
        task = asyncio.create_task(chain.ask_async("hi"))
        deadline_s = time.monotonic() + 20
        while not server.asked("m"):
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert made.circuit.state == "closed"


def test_one_chain_serves_many_threads_and_counts_each_token() -> None:
    models = [
        Scripted("flaky", *[Unavailable("u"), "ok"] * 50, price=Price("0.25", "1.25"),
                 circuit=_never_opens()),
        Scripted("free"),
    ]  # fmt: skip
    chain = fallback(models)
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(chain.ask("hi") for _ in range(10)))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    totals = chain.totals()
    assert len(answers) == 100
    assert totals["flaky"].calls == 100
    assert totals["flaky"].answers + totals["free"].answers == 100
    assert totals["flaky"].input_tokens == 10 * totals["flaky"].answers
    # 10 tokens at 0.25 and 20 at 1.25 dollars a million: 27.5 millionths.
    assert totals["flaky"].cost_usd == totals["flaky"].answers * Decimal("0.0000275")
    assert totals["free"].unpriced == totals["free"].answers
    assert totals["free"].cost_usd == 0


MONEY = st.decimals(0, 1000, places=6)
TOKENS = st.integers(0, 10**9)


@given(MONEY, MONEY, TOKENS, TOKENS, TOKENS)
def test_costs_are_exact(into: Decimal, out: Decimal, asked: int, said: int, cached: int) -> None:
    cost = Price(into, out).cost_usd(Usage(asked, said, cache_read_tokens=cached))
    assert cost is not None
    assert cost * 1_000_000 == (asked + cached) * into + said * out
    assert Price(into, out).cost_usd(Usage(None, said)) is None
    unknown = Price(into, out).cost_usd(Usage(asked, said, cache_write_tokens=cached + 1))
    assert unknown is None
    ledger = Ledger()
    for _ in range(3):
        ledger.add("m", Usage(asked, said), cost)
    assert ledger.totals()["m"].cost_usd == 3 * cost


def test_nonsense_is_refused() -> None:
    for price in ("-1", "nan", "inf"):
        with pytest.raises(ValueError):
            Price(price, 1)
    with pytest.raises(TypeError, match=r"'0\.1'"):
        Price(0.1, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        fallback([])
    with pytest.raises(ValueError, match="twice"):
        fallback([Scripted("a"), Scripted("a")])
    for question in ("", "  ", [], [{"role": "assistant", "content": "x"}]):
        with pytest.raises(ValueError):
            prompt_of(question)
    with pytest.raises(ValueError, match="system="):
        prompt_of([{"role": "system", "content": "x"}, {"role": "user", "content": "x"}])
    assert "words" not in repr(prompt_of("secret words", system="secret words"))


def test_the_way_does_not_wait_when_the_time_is_over() -> None:
    chain = fallback([Scripted("a")])
    with deadline(-1):
        course = Course(chain.models, chain._rules)
    with pytest.raises(FallbackFailed):
        course.turn()


TEXT = """The harbour was built in 1820. It rains often. The harbour crane lifts forty tons.
A cat sleeps. The crane of the harbour was renewed after the storm of 1953.

What does the crane lift?"""


@every_way
def test_the_local_model_quotes_and_says_so(way: Way) -> None:
    chain = fallback([local_model()])
    answer = way(chain, TEXT, max_tokens=200)
    assert answer.text.startswith(NOTE)
    assert "The harbour crane lifts forty tons." in answer.text
    lines = answer.text.splitlines()[1:]
    assert lines == sorted(lines, key=TEXT.index)
    assert answer.cost_usd == 0
    assert way(chain, TEXT, max_tokens=200).text == answer.text


@given(st.text(max_size=400), st.text(max_size=40), st.integers(1, 200))
def test_extracts_are_parts_of_the_text_and_short_enough(text: str, asked: str, words: int) -> None:
    chosen = extract(text, asked, words)
    assert sum(len(s.split()) for s in chosen) <= words
    assert all(sentence in text for sentence in chosen)
