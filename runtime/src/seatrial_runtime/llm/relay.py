"""A stream that blocks, read in a thread of its own and handed over piece by piece."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, TypeVar

from seatrial_runtime.resilience.deadlines import DeadlineExceeded
from seatrial_runtime.resilience.threads import begin

T = TypeVar("T")


class _Over:
    """After the last piece: the error that ended the stream, or None."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Relay(Generic[T]):
    """Reads `pieces` in a thread; `next` waits for one no longer than it is told.

    After `close` the thread ends with the piece it waits for, and closes the stream behind it.
    """

    def __init__(self, pieces: Iterator[T]) -> None:
        self._queue: queue.SimpleQueue[T | _Over] = queue.SimpleQueue()
        self._closed = threading.Event()
        begin(lambda: _read(pieces, self._queue.put, self._closed))

    def next(self, timeout_s: float) -> T:
        """The next piece. Raises DeadlineExceeded, StopIteration at the end, or its error."""
        try:
            piece = self._queue.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            raise DeadlineExceeded(f"nothing came for {timeout_s:.3g} s") from None
        if isinstance(piece, _Over):
            raise piece.error or StopIteration
        return piece

    def close(self) -> None:
        """Nobody reads on."""
        self._closed.set()


async def relayed(pieces: Iterator[T]) -> AsyncIterator[T]:
    """`pieces`, for an event loop; closing it closes them."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[T | _Over] = asyncio.Queue()
    closed = threading.Event()

    def put(piece: T | _Over) -> None:
        try:
            loop.call_soon_threadsafe(arrived.put_nowait, piece)
        except RuntimeError:  # The loop has ended, and with it whoever would have read.
            closed.set()

    begin(lambda: _read(pieces, put, closed))
    try:
        while True:
            piece = await arrived.get()
            if isinstance(piece, _Over):
                if piece.error is not None:
                    raise piece.error
                return
            yield piece
    finally:
        closed.set()


def _read(pieces: Iterator[T], put: Callable[[T | _Over], None], closed: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for piece in pieces:
            if closed.is_set():
                break
            put(piece)
    except BaseException as failure:
        error = failure
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
        put(_Over(error))
