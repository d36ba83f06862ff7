"""The text of an answer as it comes, once the first word of it is there."""

from collections.abc import AsyncIterator, Iterator
from types import TracebackType

from seatrial_runtime.llm.course import Answer, Course, Turn
from seatrial_runtime.llm.errors import LlmError, StreamBroken, TimedOut, Unavailable
from seatrial_runtime.llm.model import End
from seatrial_runtime.llm.prices import Usage
from seatrial_runtime.llm.relay import Relay
from seatrial_runtime.resilience.timeouts import timeout


class _Told:
    """What both kinds of stream keep book of."""

    def __init__(self, course: Course, turn: Turn, first: str | End) -> None:
        self._course, self._turn = course, turn
        self._first: str | End | None = first
        self._said: list[str] = []
        self._answer: Answer | None = None
        self._over = False

    @property
    def answer(self) -> Answer:
        """Who answered, with tokens and cost: once the stream has ended, or was closed."""
        if self._answer is None:
            raise RuntimeError("the stream has not ended yet")
        return self._answer

    @property
    def model(self) -> str:
        """The model that answers."""
        return self._turn.model.name

    def _limit_s(self) -> float:
        """How long the next piece may take."""
        return max(0.0, min(self._turn.model.timeout_s, self._course.left_s()))

    def _took(self, piece: str | End) -> str | None:
        if isinstance(piece, str):
            self._said.append(piece)
            return piece
        self._over = True
        self._answer = self._course.ended(self._turn, "".join(self._said), piece)
        return None

    def _left(self) -> None:
        """The reader has gone: what was said was said, and nobody knows how many tokens."""
        if not self._over:
            self._took(End(Usage(), "closed"))

    def _broken(self, error: BaseException) -> StreamBroken:
        """Tells the course, which raises anything that is not the model's failure."""
        self._over = True
        if isinstance(error, TimeoutError):
            error = TimedOut("the stream stopped")
        if not isinstance(error, LlmError):
            self._course.failed(self._turn, error)
            raise error
        self._course.broke(self._turn, error)
        return StreamBroken(self.model, "".join(self._said), error)


class Stream(_Told):
    """Iterate over it for the pieces of text; then `answer` is there. Close it to stop early."""

    def __init__(
        self, course: Course, turn: Turn, first: str | End, relay: Relay[str | End]
    ) -> None:
        super().__init__(course, turn, first)
        self._relay = relay

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next piece. Raises StreamBroken when the model fails: no other can go on for it."""
        if self._over:
            raise StopIteration
        piece, self._first = self._first, None
        if piece is None:
            failure: BaseException
            try:
                piece = self._relay.next(self._limit_s())
            except StopIteration:
                failure = Unavailable("the stream broke off")
            except BaseException as error:
                failure = error
            if piece is None:
                self._relay.close()
                raise self._broken(failure)
        text = self._took(piece)
        if text is None:
            raise StopIteration
        return text

    def close(self) -> None:
        """Read no further; the connection is closed, and `answer` says what came so far."""
        self._relay.close()
        self._left()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncStream(_Told):
    """The same for `async for`; `await close()` to stop early."""

    def __init__(
        self, course: Course, turn: Turn, first: str | End, pieces: AsyncIterator[str | End]
    ) -> None:
        super().__init__(course, turn, first)
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        """As `Stream.__next__`."""
        if self._over:
            raise StopAsyncIteration
        piece, self._first = self._first, None
        if piece is None:
            failure: BaseException
            try:
                piece = await next_within(self._pieces, self._limit_s())
            except StopAsyncIteration:
                failure = Unavailable("the stream broke off")
            except BaseException as error:
                failure = error
            if piece is None:
                await closed(self._pieces)
                raise self._broken(failure)
        text = self._took(piece)
        if text is None:
            raise StopAsyncIteration
        return text

    async def close(self) -> None:
        """As `Stream.close`."""
        await closed(self._pieces)
        self._left()

    async def __aenter__(self) -> "AsyncStream":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def next_within(pieces: AsyncIterator[str | End], seconds: float) -> str | End:
    """The next piece; DeadlineExceeded when it takes longer."""
    async with timeout(max(seconds, 0.001)):
        return await pieces.__anext__()


async def closed(pieces: AsyncIterator[str | End]) -> None:
    """Ends the generator, and with it the connection."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await close()
