import re
from pathlib import Path

import pytest
from stand_in import StandIn

import seatrial_runtime

pytest_plugins = ("llm_fixtures",)

PAGE = Path(__file__).parents[3] / "docs/runtime/opt-in.md"


def test_the_examples_of_the_page_run(server: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert len(blocks) >= 6
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert server.asked("anthropic.model-a") == 2


def test_the_page_names_what_there_is() -> None:
    text = PAGE.read_text()
    helpers = ("cache", "circuit_breaker", "retry", "timeout", "deadline", "fallback", "bedrock")
    for name in (*helpers, "anthropic", "openai_compatible", "local_model"):
        assert name in text and hasattr(seatrial_runtime, name)
