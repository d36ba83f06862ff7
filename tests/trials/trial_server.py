"""A server that misbehaves on request: the path says how. Run as a process of its own.

Prints its port, then serves until it is killed. One thread: what blocks, blocks everybody.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ANSWERS = {
    "/ok": OK,
    "/500": b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno",
    "/503": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "/404": b"HTTP/1.1 404 Gone\r\nContent-Length: 2\r\n\r\nno",
    "/redirect": b"HTTP/1.1 302 Found\r\nLocation: /500\r\nContent-Length: 0\r\n\r\n",
    "/204": b"HTTP/1.1 204 Nothing\r\n\r\n",
    "/chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    "/early": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    "/garbage": b"SSH-2.0-OpenSSH_9.9\r\n",
    "/twice": OK + OK,
    "/trailing": OK + b"more than was announced",
    "/long-head": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 400_000,
    "/long-body": b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000,
}
THEN_CLOSE = {
    "/until-close": b"HTTP/1.0 200 OK\r\n\r\nok",
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok",
    "/half-head": b"HTTP/1.1 200 OK\r\nContent-",
    "/eof": b"",
}
seen = {"connections": 0, "requests": 0, "stalls": 0}


class Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""
        seen["connections"] += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            self.answer(head.split(b" ")[1].decode())

    def answer(self, path: str) -> None:
        seen["requests"] += path != "/seen"
        if path in ANSWERS:
            self.transport.write(ANSWERS[path])
        elif path in THEN_CLOSE:
            self.transport.write(THEN_CLOSE[path])
            self.transport.close()
        elif path == "/seen":
            body = json.dumps(seen).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            self.transport.write(body)
        elif path == "/stall-once":
            seen["stalls"] += 1
            time.sleep(1.0 if seen["stalls"] == 1 else 0)
            self.transport.write(OK)
        elif path == "/five-ms":
            time.sleep(0.005)
            self.transport.write(OK)
        elif path == "/drip":
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            self.drip()
        elif path == "/reset":
            # Linger of 0 s: close(2) sends RST instead of FIN.
            plug = self.transport.get_extra_info("socket")
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif path == "/die":
            os._exit(1)
        else:
            assert path == "/hang", path

    def drip(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(b"x")
            asyncio.get_running_loop().call_later(0.05, self.drip)


async def main(host: str) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, host, 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"))
