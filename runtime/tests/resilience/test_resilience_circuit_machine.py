"""Any order of calls that begin, end, and overlap, against the rules written as plain as can be."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from seatrial_runtime.resilience.circuit import CircuitBreaker, CircuitOpen

OPEN_S = 30.0


class Circuit(RuleBasedStateMachine):
    @initialize(failures=st.integers(1, 6))
    def start(self, failures: int) -> None:
        self.now_s = 0.0
        self.limit = failures
        self.breaker = CircuitBreaker("m", failures=failures, clock=lambda: self.now_s)
        self.running: list[tuple[int, int]] = []  # permit, and the phase it was given in
        self.phase = 0  # Grows whenever the state changes.
        self.state = "closed"
        self.failed_in_a_row = 0
        self.next_try_s = 0.0

    def change(self, state: str) -> None:
        self.state = state
        self.phase += 1

    @rule()
    def begin(self) -> None:
        try:
            permit = self.breaker.enter()
        except CircuitOpen as refused:
            assert self.state != "closed"
            assert self.now_s < self.next_try_s
            assert abs(refused.retry_after_s - (self.next_try_s - self.now_s)) < 1e-6
            return
        if self.state != "closed":
            assert self.now_s >= self.next_try_s
            self.next_try_s = self.now_s + OPEN_S
            self.change("half-open")
        self.running.append((permit, self.phase))

    @rule(data=st.data(), outcome=st.sampled_from(["good", "bad", "dropped"]))
    def end(self, data: st.DataObject, outcome: str) -> None:
        if not self.running:
            return
        permit, phase = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        {
            "good": self.breaker.succeeded,
            "bad": self.breaker.failed,
            "dropped": self.breaker.dropped,
        }[outcome](permit)
        if phase != self.phase:
            return  # It says something about the past only.
        if outcome == "dropped":
            if self.state == "half-open":
                self.next_try_s = self.now_s
        elif outcome == "good":
            self.failed_in_a_row = 0
            if self.state == "half-open":
                self.change("closed")
        else:
            self.failed_in_a_row += 1
            if self.state == "half-open" or self.failed_in_a_row >= self.limit:
                self.next_try_s = self.now_s + OPEN_S
                self.change("open")

    @rule(seconds=st.sampled_from([0.1, 1.0, 15.0, 29.9, 30.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    @invariant()
    def same_state(self) -> None:
        assert self.breaker.state == self.state

    @invariant()
    def at_most_one_trial_is_judged(self) -> None:
        if self.state == "half-open":
            assert sum(phase == self.phase for _, phase in self.running) <= 1


TestCircuit = Circuit.TestCase
TestCircuit.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
