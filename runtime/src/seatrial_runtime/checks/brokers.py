"""Redis and AMQP, asked on the wire: no client library has to be there."""

import contextlib

from seatrial_runtime.checks.service import CheckError, Service
from seatrial_runtime.checks.wire import Wire, connected, connected_unix, tls, unverified_tls

_AMQP_0_9_1 = b"AMQP\x00\x00\x09\x01"
_CONNECTION_START = (10, 10)


def redis(service: Service, timeout_s: float) -> str:
    """PING, after AUTH and SELECT where the URL says so; Redis and Valkey are the same here."""
    by_path = service.kind == "unix" or service.driver == "socket"
    commands: list[tuple[str, ...]] = []
    if service.password:
        named = (service.user, service.password) if service.user else (service.password,)
        commands.append(("AUTH", *named))
    database = service.query.get("db") or service.query.get("virtual_host")
    database = database or ("" if by_path else service.path)
    if database not in ("", "0"):
        commands.append(("SELECT", database))
    commands.append(("PING",))
    with contextlib.ExitStack() as stack:
        if by_path:
            wire = stack.enter_context(connected_unix(f"/{service.path}", timeout_s))
        else:
            host = service.host or "localhost"
            wire = stack.enter_context(connected(host, service.port(6379), timeout_s))
            if service.kind in ("rediss", "valkeys"):
                wire.begin_tls(tls(service.query), host)
        for words in commands:
            answer = _command(wire, words)
            if answer.startswith(b"-"):
                raise CheckError(answer[1:].decode(errors="replace"))
            if answer not in (b"+OK", b"+PONG"):
                raise CheckError("it does not speak the protocol of Redis")
    return ""


def _command(wire: Wire, words: tuple[str, ...]) -> bytes:
    """One command; lengths before the words, so that no password can end a command."""
    encoded = [word.encode() for word in words]
    parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
    wire.send(b"*%d\r\n" % len(parts) + b"".join(parts))
    return wire.line()


def amqp(service: Service, timeout_s: float) -> str:
    """The first words of AMQP 0-9-1, as RabbitMQ speaks it: proof of a broker, not of the login."""
    secure = service.kind == "amqps"
    host = service.host or "localhost"
    with connected(host, service.port(5671 if secure else 5672), timeout_s) as wire:
        if secure:
            wire.begin_tls(unverified_tls(), host)
        wire.send(_AMQP_0_9_1)
        head = wire.read(8)
        if head.startswith(b"AMQP"):
            raise CheckError(f"it speaks AMQP {'-'.join(map(str, head[5:]))}, not 0-9-1")
        # Type 1 is a method; its channel and length follow, then class and method.
        method = wire.read(3)
        numbers = (head[7] << 8 | method[0], method[1] << 8 | method[2])
        if head[0] != 1 or numbers != _CONNECTION_START:
            raise CheckError("it does not speak AMQP")
    return "handshake only"
