"""How long the app waits for others, and how often it asks again."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.index import indexes
from seatrial.profiler.detectors.origins import origin_of
from seatrial.profiler.detectors.sites import Site, serving, sites
from seatrial.profiler.detectors.slow_calls import model_name, tables
from seatrial.profiler.part import Part
from seatrial.profiler.reach import FunctionNode, last, literal
from seatrial.profiler.rules import fact
from seatrial.profiler.scopes import Def

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "request"})
_SESSIONS = ("requests.Session()", "requests.session()", "requests.sessions.Session()")
_LIMITS = frozenset({
    "timeout", "request_timeout", "read_timeout", "connect_timeout", "timeout_keep_alive",
    "timeout_graceful_shutdown", "total", "statement_timeout", "socket_timeout",
    "socket_connect_timeout", "timeout_s", "deadline_s",
})  # fmt: skip
_CLIENTS = (
    "requests.", "httpx.", "aiohttp.", "urllib", "openai.", "anthropic.", "groq.", "litellm.",
    "langchain", "mistralai.", "cohere.", "ollama.", "google.", "botocore.", "boto3.", "redis.",
    "subprocess.", "asyncio.", "uvicorn.", "socket.", "smtplib.", "together.", "elasticsearch.",
    "qdrant_client.", "pymongo.", "psycopg", "async_timeout.", "anyio.", "celery.", "grpc.",
    "seatrial_runtime.",
)  # fmt: skip


def detect(part: Part) -> Iterator[Fact]:
    """Calls without a time limit, the limits that are set, and retries."""
    limited = _limited_sessions(part)
    told: dict[Def, list[Site]] = {}
    for site in sites(part):
        if _endless(site, limited):
            told.setdefault(site.one, []).append(site)
    for first, *others in told.values():
        more = f" (and {len(others)} more there)" if others else ""
        yield fact(
            "time.no-timeout", _endless(first, limited), first.where + more,
            file=first.path, line=first.line,
        )  # fmt: skip
    yield from _configured(part)
    for file in indexes(part):
        for node in file.functions:
            yield from _retries(part, file.path, node)


def _endless(site: Site, limited: bool) -> str:
    """What waits without end; '' when the call has a limit or is none of those."""
    if site.name not in _VERBS and site.name != "urlopen":
        return ""
    if site.origin.startswith("urllib.request.urlopen") and not limited:
        return "" if len(site.call.args) > 2 or _says(site.call) else "urllib.request.urlopen"
    if site.origin.startswith("httpx.") and site.tail.rpartition(".")[2] in _VERBS:
        never = next((k.value for k in site.call.keywords if k.arg == "timeout"), None)
        ends = not (isinstance(never, ast.Constant) and never.value is None)
        return "" if ends else f"httpx {site.tail}"
    name = site.origin.rpartition(".")[2]
    if name not in _VERBS or limited:
        return ""
    plain = site.origin == f"requests.{name}"
    held = site.origin.removesuffix(f".{name}") in _SESSIONS
    if (plain or held) and not _says(site.call):
        return f"requests.{name}"
    return ""


def _says(call: ast.Call) -> bool:
    """Whether a call has a timeout, or keywords that nobody can see."""
    for keyword in call.keywords:
        if keyword.arg is None:
            return True
        if keyword.arg == "timeout":
            return not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
    return False


def _limited_sessions(part: Part) -> bool:
    """Whether the app gives its sessions a limit in a way that no call shows."""
    for file in indexes(part):
        for call in file.of(ast.Call):
            name = last(call.func)
            if name == "setdefaulttimeout":
                return True
            if name == "mount" and call.args and (literal(call.args[0]) or "").startswith("http"):
                return True
        for node in file.of(ast.Assign):
            # session.request = functools.partial(session.request, timeout=10)
            target = node.targets[0]
            held = isinstance(target, ast.Attribute) and isinstance(node.value, ast.Call)
            if held and last(target) == "request":
                return True
    return False


def _configured(part: Part) -> Iterator[Fact]:
    """The limits that calls set, and clients that are made without one."""
    defaults: dict[str, str] = tables()["default_timeout"]
    names = {name.rpartition(".")[2] for name in defaults}
    for file in indexes(part):
        named = _named(part.source.tree(file.path))
        for node in file.of(ast.Call):
            limits = [k for k in node.keywords if k.arg in _LIMITS]
            if not limits and last(node.func) not in names:
                continue
            origin = origin_of(part.code, file.path, node.func)
            for given in limits if origin.startswith(_CLIENTS) else ():
                value = _seconds(given.value, named)
                if value is not None:
                    yield fact(
                        "time.timeout-configured", model_name(origin),
                        f"{given.arg}={value:g}", file=file.path, line=node.lineno,
                    )  # fmt: skip
            if not limits and origin in defaults and all(k.arg for k in node.keywords):
                yield fact(
                    "time.default-timeout", origin, defaults[origin],
                    file=file.path, line=node.lineno,
                )  # fmt: skip


def _seconds(node: ast.AST, named: dict[str, ast.expr]) -> float | None:
    """A number, or the greatest of a pair, as seconds; a name of the file's top is followed."""
    if isinstance(node, ast.Name):
        node = named.get(node.id, node)
    if isinstance(node, ast.Tuple):
        numbers = [one for one in (_number(inner) for inner in node.elts) if one is not None]
        return max(numbers, default=None)
    return _number(node)


def _named(tree: ast.Module | None) -> dict[str, ast.expr]:
    """What the names at the top of a file are first given."""
    found: dict[str, ast.expr] = {}
    for node in tree.body if tree else ():
        if isinstance(node, ast.Assign):
            for target in node.targets:
                found.setdefault(last(target), node.value)
    return found


def _number(node: ast.AST | None) -> float | None:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
        assert isinstance(value, int | float)
        return float(value) if 0 <= value < 1e9 else None
    return None


def _retries(part: Part, path: str, node: FunctionNode) -> Iterator[Fact]:
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if not (name == "retry" or name.startswith(("on_", "retry"))):
            continue
        origin = origin_of(part.code, path, called)
        keywords = (
            {k.arg: k.value for k in decorator.keywords if k.arg}
            if isinstance(decorator, ast.Call) else {}
        )  # fmt: skip
        if origin.startswith("tenacity."):
            total = _tenacity(keywords)
        elif origin.startswith("backoff."):
            total = _backoff(decorator, keywords)
        elif origin == "stamina.retry":
            total = _stamina(keywords)
        else:
            continue
        if total is None and _is_served(part, path, node):
            yield fact("time.retries-forever", f"{node.name}()", origin,
                       file=path, line=decorator.lineno)  # fmt: skip
        elif total is not None:
            yield fact("time.retries", f"{node.name}()", f"{origin}: {total}",
                       file=path, line=decorator.lineno)  # fmt: skip


def _is_served(part: Part, path: str, node: FunctionNode) -> bool:
    return any(one.line == node.lineno for one in serving(part) if one.path == path)


def _parts(node: ast.AST | None) -> dict[str, list[float | None]]:
    """`stop_after_attempt(3) | stop_after_delay(30)`: each call's name with its numbers."""
    found: dict[str, list[float | None]] = {}
    waiting = [node] if node is not None else []
    while waiting:
        one = waiting.pop()
        if isinstance(one, ast.BinOp):
            waiting += [one.left, one.right]
        elif isinstance(one, ast.Call):
            name = one.func.attr if isinstance(one.func, ast.Attribute) else (
                one.func.id if isinstance(one.func, ast.Name) else "")  # fmt: skip
            found[name] = [_number(arg) for arg in one.args]
            for keyword in one.keywords:
                found[f"{name}.{keyword.arg}"] = [_number(keyword.value)]
        elif one is not None:
            found["?"] = []
    return found


def _tenacity(keywords: dict[str, ast.expr]) -> str | None:
    """The retries of tenacity in words; none when nothing ends them (its default)."""
    stop, wait = _parts(keywords.get("stop")), _parts(keywords.get("wait"))
    if not stop or set(stop) == {"stop_never"}:
        return None if "stop" not in keywords or stop else "a limit that is not constant"
    attempts = _first(stop, "stop_after_attempt", "stop_after_attempt.max_attempt_number")
    delay = _first(stop, "stop_after_delay", "stop_after_delay.max_delay")
    said = [f"{attempts:g} attempts"] if attempts else []
    if attempts and attempts <= 1000 and (not wait or all(name != "?" for name in wait)):
        said.append(f"at most {_waits(wait, int(attempts)):g} s between them in all")
    if delay:
        said.append(f"none after {delay:g} s")
    return ", ".join(said) or "a limit that is not constant"


def _first(parts: dict[str, list[float | None]], *names: str) -> float | None:
    return next((parts[name][0] for name in names if parts.get(name)), None)


def _waits(wait: dict[str, list[float | None]], attempts: int) -> float:
    """The longest time that tenacity sleeps between so many attempts, seconds."""
    total = 0.0
    for name in wait:
        if "." in name:
            continue

        def given(key: str, position: int, default: float, name: str = name) -> float:
            named = wait.get(f"{name}.{key}")
            placed = wait[name][position] if len(wait[name]) > position else None
            return (named[0] if named else placed) or default

        if name == "wait_fixed":
            total += given("wait", 0, 0) * (attempts - 1)
        elif name in ("wait_random", "wait_random_exponential", "wait_exponential"):
            ceiling = given("max", 1, 4.6e18 if name != "wait_random" else 1)
            factor = given("multiplier", 0, 1)
            floor = given("min", 9, 0)
            for i in range(attempts - 1):
                grown = ceiling if name == "wait_random" else factor * 2.0 ** min(i, 60)
                total += max(floor, min(ceiling, grown))
    return total


def _backoff(decorator: ast.AST, keywords: dict[str, ast.expr]) -> str | None:
    tries, time_s = _number(keywords.get("max_tries")), _number(keywords.get("max_time"))
    if "max_tries" not in keywords and "max_time" not in keywords:
        giveup = "giveup" in keywords or not isinstance(decorator, ast.Call)
        return "until it gives up by itself" if giveup else None
    said = [f"{tries:g} attempts"] if tries else []
    said += [f"{time_s:g} s in all"] if time_s else []
    return ", ".join(said) or "a limit that is not constant"


def _stamina(keywords: dict[str, ast.expr]) -> str | None:
    """stamina stops after 10 attempts or 45 s unless told otherwise (its documentation, 26.1)."""
    attempts = _number(keywords.get("attempts", ast.Constant(value=10)))
    timeout = _number(keywords.get("timeout", ast.Constant(value=45)))
    if attempts is None and timeout is None:
        endless = all(
            isinstance(keywords.get(name), ast.Constant) for name in ("attempts", "timeout")
        )
        return None if endless else "a limit that is not constant"
    said = [f"{attempts:g} attempts"] if attempts else []
    return ", ".join([*said, *([f"{timeout:g} s in all"] if timeout else [])])
