"""Models behind an HTTP API with JSON: the sending, the time-outs and the errors they share.

Sync and async differ in how bytes move and in nothing else. Errors are raised outside the
`except` that caught their cause: the client's exceptions hold the request with its key, and an
error reporter would follow the chain to it.
"""

import asyncio
import contextlib
import functools
import json
import weakref
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Any

from seatrial_runtime.llm.errors import LlmError, TimedOut, Unavailable, of_status
from seatrial_runtime.llm.events import Events
from seatrial_runtime.llm.keys import Key
from seatrial_runtime.llm.model import End, Model, Prompt, Reply
from seatrial_runtime.resilience.deadlines import limited_s
from seatrial_runtime.resilience.waits import seconds_of

if TYPE_CHECKING:
    import httpx

_CONNECT_S = 5.0
_MAX_ANSWER_BYTES = 32 * 1024 * 1024
_MAX_ERROR_BYTES = 64 * 1024
# What reading an answer of another form than promised raises.
_NONSENSE = (ValueError, KeyError, TypeError, IndexError, AttributeError)


class Reader:
    """Reads one stream of one provider: `feed` events, and `end` is set once it has ended well."""

    end: End | None = None

    def feed(self, data: str) -> str:
        """The text of one event, empty when it has none. Raises an LlmError that it tells."""
        raise NotImplementedError


class HttpModel(Model):
    """A model at `url`. What a provider has of its own are the methods without a body."""

    def __init__(self, name: str, url: str, key: Key, options: dict[str, Any], **more: Any) -> None:
        super().__init__(name, **more)
        try:  # An extra, and slow to import: only who asks models over HTTP pays for it.
            import httpx
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "this model is asked over HTTP: pip install seatrial-runtime[llm]", name=error.name
            ) from None
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"the address {url!r} has to begin with https://")
        self._httpx = httpx
        self._url, self._key, self._options = url, key, options
        self._client = httpx.Client(limits=_limits(httpx), verify=_tls(httpx))
        # A connection belongs to the event loop that opened it.
        self._clients_async: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, httpx.AsyncClient
        ] = weakref.WeakKeyDictionary()

    @abstractmethod
    def headers(self, key: str) -> dict[str, str]:
        """What the provider wants to be told, the key above all."""

    @abstractmethod
    def body(self, prompt: Prompt, stream: bool) -> dict[str, Any]:
        """The question in the provider's words."""

    @abstractmethod
    def reply(self, data: dict[str, Any]) -> Reply:
        """Its answer. KeyError, TypeError and the like mean that it is none."""

    @abstractmethod
    def reader(self) -> Reader:
        """For one stream."""

    def call(self, prompt: Prompt, timeout_s: float) -> Reply:
        data = b""
        failure: LlmError | None = None
        try:
            with ExitStack() as stack:
                response = self._ask(stack, prompt, timeout_s, stream=False)
                for chunk in response.iter_bytes():
                    limited_s(timeout_s)
                    data += chunk
                    _check_size(data, response.status_code)
        except self._httpx.HTTPError as error:
            failure = self._translated(error)
        if failure is not None:
            raise failure
        return self._parsed(response, data)

    async def call_async(self, prompt: Prompt, timeout_s: float) -> Reply:
        data = b""
        failure: LlmError | None = None
        try:
            async with AsyncExitStack() as stack:
                response = await self._ask_async(stack, prompt, timeout_s, stream=False)
                async for chunk in response.aiter_bytes():
                    data += chunk
                    _check_size(data, response.status_code)
        except self._httpx.HTTPError as error:
            failure = self._translated(error)
        if failure is not None:
            raise failure
        return self._parsed(response, data)

    def stream(self, prompt: Prompt, timeout_s: float) -> Iterator[str | End]:
        reader, events = self.reader(), Events()
        failure: LlmError | None = None
        try:
            with ExitStack() as stack:
                response = self._ask(stack, prompt, timeout_s, stream=True)
                if response.status_code != 200:
                    raise self._refused(response, _head(response.iter_bytes()))
                for chunk in response.iter_bytes():
                    yield from filter(None, map(_fed(reader), events.feed(chunk)))
        except self._httpx.HTTPError as error:
            failure = self._translated(error)
        if failure is not None:
            raise failure
        yield _whole(reader)

    async def stream_async(self, prompt: Prompt, timeout_s: float) -> AsyncIterator[str | End]:
        reader, events = self.reader(), Events()
        failure: LlmError | None = None
        try:
            async with AsyncExitStack() as stack:
                response = await self._ask_async(stack, prompt, timeout_s, stream=True)
                if response.status_code != 200:
                    raise self._refused(response, (await response.aread())[:_MAX_ERROR_BYTES])
                async for chunk in response.aiter_bytes():
                    for data in events.feed(chunk):
                        text = _fed(reader)(data)
                        if text:
                            yield text
        except self._httpx.HTTPError as error:
            failure = self._translated(error)
        if failure is not None:
            raise failure
        yield _whole(reader)

    def _ask(
        self, stack: ExitStack, prompt: Prompt, timeout_s: float, stream: bool
    ) -> "httpx.Response":
        return stack.enter_context(
            self._client.stream("POST", self._url, **self._request(prompt, timeout_s, stream))
        )

    async def _ask_async(
        self, stack: AsyncExitStack, prompt: Prompt, timeout_s: float, stream: bool
    ) -> "httpx.Response":
        loop = asyncio.get_running_loop()
        client = self._clients_async.get(loop)
        if client is None:
            client = self._httpx.AsyncClient(limits=_limits(self._httpx), verify=_tls(self._httpx))
            self._clients_async[loop] = client
        return await stack.enter_async_context(
            client.stream("POST", self._url, **self._request(prompt, timeout_s, stream))
        )

    def _request(self, prompt: Prompt, timeout_s: float, stream: bool) -> dict[str, Any]:
        limit_s = limited_s(timeout_s)
        return {
            "headers": self.headers(self._key.reveal()),
            "json": {**self.body(prompt, stream), **self._options},
            "timeout": self._httpx.Timeout(limit_s, connect=min(limit_s, _CONNECT_S)),
        }

    def _translated(self, error: "httpx.HTTPError") -> LlmError:
        kind = type(error).__name__
        if isinstance(error, self._httpx.TimeoutException):
            return TimedOut(f"no answer in time: {kind}")
        return Unavailable(self._key.removed_from(f"connection: {kind}: {error}"))

    def _refused(self, response: "httpx.Response", data: bytes) -> LlmError:
        try:
            found = json.loads(data)
            told = found.get("error", found)
            detail = " ".join(
                str(told[name]) for name in ("type", "code", "message") if told.get(name)
            )
        except (ValueError, AttributeError, TypeError):
            detail = ""
        return of_status(
            response.status_code,
            self._key.removed_from(detail or f"status {response.status_code}"),
            seconds_of(response.headers.get("retry-after")),
        )

    def _parsed(self, response: "httpx.Response", data: bytes) -> Reply:
        if response.status_code != 200:
            raise self._refused(response, data)
        reply = None
        # Raised outside, without the answer's words in its chain.
        with contextlib.suppress(*_NONSENSE):
            reply = self.reply(json.loads(data))
        if reply is None:
            raise Unavailable("the answer is not what the provider promises", status=200)
        return reply


def _limits(httpx: Any) -> Any:
    # More than are ever used: a pool that makes callers wait would look like a slow provider.
    return httpx.Limits(max_connections=1000, max_keepalive_connections=20, keepalive_expiry=30)


@functools.cache
def _tls(httpx: Any) -> Any:
    """One for all: reading the certificates takes a tenth of a second, which a loop would stop."""
    return httpx.create_ssl_context()


def _check_size(data: bytes, status: int) -> None:
    if len(data) > (_MAX_ANSWER_BYTES if status == 200 else _MAX_ERROR_BYTES):
        raise Unavailable("the answer does not end", status=status)


def _head(chunks: Iterator[bytes]) -> bytes:
    data = b""
    for chunk in chunks:
        data += chunk
        if len(data) > _MAX_ERROR_BYTES:
            break
    return data[:_MAX_ERROR_BYTES]


def _fed(reader: Reader) -> Callable[[str], str]:
    def feed(data: str) -> str:
        with contextlib.suppress(*_NONSENSE):
            return reader.feed(data)
        raise Unavailable("an event of the stream is not what the provider promises", status=200)

    return feed


def _whole(reader: Reader) -> End:
    if reader.end is None:
        raise Unavailable("the stream broke off", status=200)
    return reader.end
