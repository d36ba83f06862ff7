"""Finding example URLs for routes with parameters: what a visitor's links and lists lead to."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from seatrial.kernel.workload import Route
from seatrial.profiler.client import Answer
from seatrial.profiler.templates import Parameter, fill, fits, parameters, pattern

EXAMPLES_MAX = 5
TRIES_MAX = 12
ROUNDS_MAX = 3
FETCHES_MAX = 300
CRAWL_S_MAX = 60.0
LINKS_MAX = 5_000
VALUES_MAX = 50
JSON_NODES_MAX = 20_000

Get = Callable[[str], Answer]

# A GET that changes data is a mistake of the app, and not ours to make for it.
_CHANGES = re.compile(
    r"(^|[/_-])(delete|remove|drop|destroy|reset|purge|clear|wipe|shutdown|kill|stop|restart|"
    r"logout|signout|sign-out|unsubscribe|cancel|send|pay|charge|migrate|seed|retrain)([/_-]|$)",
    re.IGNORECASE,
)


def changes_data(path: str) -> bool:
    """Whether a path reads as if a request to it did something."""
    return _CHANGES.search(path) is not None


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(self.found) < LINKS_MAX:
            self.found += [v for name, v in attrs if name in ("href", "src", "data-url") and v]


class Crawl:
    """What is known of an app's URLs so far."""

    def __init__(self, routes: Sequence[Route], get: Get, origin: str) -> None:
        self._get = get
        self._origin = origin
        self._fixed = {r.path for r in routes if not parameters(r.path)}
        self._patterns = {r.path: pattern(r.path) for r in routes if parameters(r.path)}
        self._examples: dict[str, list[str]] = {path: [] for path in self._patterns}
        self._values: dict[tuple[str, str], list[str]] = {}
        self._seen: set[str] = set()
        self._fetches = 0
        self._deadline = time.monotonic() + CRAWL_S_MAX

    def fetch(self, target: str) -> Answer | None:
        """GET a path once and learn from it; none when it was fetched before or time is up."""
        if target in self._seen or self._fetches >= FETCHES_MAX:
            return None
        if time.monotonic() > self._deadline:
            return None
        self._seen.add(target)
        self._fetches += 1
        answer = self._get(target)
        if not answer.failure and answer.status < 400:
            self._learn(target, answer)
        return answer

    def _learn(self, target: str, answer: Answer) -> None:
        text = answer.body.decode(errors="replace")
        if "html" in answer.content_type:
            links = _Links()
            links.feed(text)
            for link in links.found:
                self._link(target, link)
        elif "json" in answer.content_type:
            try:
                data = json.loads(text)
            except (ValueError, RecursionError):
                return
            for key, value in _scalars(data):
                self._note(urlsplit(target).path, key, value)
                if "/" in value:
                    self._link(target, value)

    def _link(self, base: str, link: str) -> None:
        try:
            parts = urlsplit(urljoin(self._origin + base, link))
        except ValueError:
            return
        if f"{parts.scheme}://{parts.netloc}" != self._origin or parts.path in self._fixed:
            return
        for rule, compiled in self._patterns.items():
            found = compiled.fullmatch(unquote(parts.path))
            if found is None or changes_data(parts.path):
                continue
            examples = self._examples[rule]
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            if target not in examples and len(examples) < VALUES_MAX:
                examples.append(target)
            for parameter, value in zip(parameters(rule), found.groups(), strict=False):
                self._note("", parameter.name, value)

    def _note(self, where: str, key: str, value: str) -> None:
        values = self._values.setdefault((where, key), [])
        if value not in values and len(values) < VALUES_MAX:
            values.append(value)

    def candidates(self, rule: str) -> Iterator[str]:
        """Paths that may be examples of a rule, the likeliest first."""
        yield from _spread(self._examples[rule])
        wanted = parameters(rule)
        per_parameter = [list(self._possible(parameter)) for parameter in wanted]
        if not all(per_parameter):
            return
        for values in itertools.islice(itertools.product(*per_parameter), TRIES_MAX):
            named = {p.name: value for p, value in zip(wanted, values, strict=True)}
            yield fill(rule, named)

    def _possible(self, parameter: Parameter) -> Iterator[str]:
        """Values for one parameter: by its name, by the list it is an item of, then a first id."""
        name = parameter.name
        plain = re.sub(r"_(id|pk|key|slug|name)$", "", name)
        field = name[len(plain) + 1 :] if plain != name else name
        listing = parameter.before.rstrip("/")
        sources = [("", name), *((where, name) for where, key in self._values if key == name)]
        for where, key in self._values:
            if where.rstrip("/") == listing and key in (field, "id", "slug", "name"):
                sources.append((where, key))
        segment = listing.rpartition("/")[2]
        for where, key in self._values:
            # `/horses` for `/api/horses/<id>`, `race` for `race_id`.
            last = where.rstrip("/").rpartition("/")[2]
            if last and key in (field, "id") and last in (segment, plain, plain + "s"):
                sources.append((where, key))
        seen: set[str] = set()
        for source in sources:
            for value in _spread(self._values.get(source, [])):
                if value not in seen and fits(parameter, value):
                    seen.add(value)
                    yield value
        if parameter.converter == "int" and "1" not in seen:
            yield "1"


def discover(
    routes: Sequence[Route], given: Mapping[str, str], get: Get, origin: str
) -> dict[str, tuple[str, ...]]:
    """Example paths for each route with parameters; routes without one are not in the result.

    `given` comes from seatrial.toml: a rule and its path, or a parameter's name and its value.
    Every other example was found in the app's own pages and answers, and answered below 400.
    """
    crawl = Crawl(routes, get, origin)
    for route in routes:
        if not parameters(route.path) and not changes_data(route.path):
            crawl.fetch(route.path)
    found: dict[str, tuple[str, ...]] = {}
    open_rules = []
    for route in routes:
        own = _given(route.path, given)
        if own:
            crawl.fetch(own)
            found[route.path] = (own,)
        elif parameters(route.path) and not changes_data(route.path):
            open_rules.append(route.path)
    for _ in range(ROUNDS_MAX):
        for rule in [rule for rule in open_rules if rule not in found]:
            good: list[str] = []
            for target in itertools.islice(crawl.candidates(rule), TRIES_MAX):
                answer = crawl.fetch(target)
                if answer is not None and not answer.failure and 200 <= answer.status < 400:
                    good.append(target)
                if len(good) == EXAMPLES_MAX:
                    break
            if good:
                found[rule] = tuple(good)
    return found


def _given(rule: str, given: Mapping[str, str]) -> str:
    if rule in given:
        return given[rule]
    wanted = parameters(rule)
    if wanted and all(parameter.name in given for parameter in wanted):
        return fill(rule, {parameter.name: given[parameter.name] for parameter in wanted})
    return ""


def _spread(values: Sequence[str]) -> list[str]:
    """First and last ones and some between, so that examples are not all of one kind."""
    if len(values) <= EXAMPLES_MAX:
        return list(values)
    step = (len(values) - 1) / (EXAMPLES_MAX - 1)
    picked = [values[round(i * step)] for i in range(EXAMPLES_MAX)]
    return [*picked, *(value for value in values if value not in picked)]


def _scalars(data: Any) -> Iterator[tuple[str, str]]:
    """Keys with their texts and whole numbers, wherever they stand in a JSON document."""
    waiting: list[tuple[str, Any]] = [("", data)]
    for _ in range(JSON_NODES_MAX):
        if not waiting:
            return
        key, value = waiting.pop(0)
        if isinstance(value, dict):
            waiting.extend((str(name), inner) for name, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((key, inner) for inner in value[:1000])
        elif isinstance(value, str) and 0 < len(value) <= 500:
            yield key, value
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
            yield key, str(value)
