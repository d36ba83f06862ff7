"""Serves one WSGI app: gunicorn's gthread worker, run in this process without an arbiter.

The supervisor never imports this module, nor gunicorn, nor the app.
"""

import contextlib
import errno
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from selectors import EVENT_READ
from types import FrameType
from typing import Any

from gunicorn import util
from gunicorn.config import Config
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import NoMoreData
from gunicorn.workers.gthread import ThreadWorker

from seatrial_runtime.servers.gunicorn_log import JsonLogger
from seatrial_runtime.servers.spec import ServerSpec
from seatrial_runtime.servers.watch import Watch, rss_bytes
from seatrial_runtime.servers.wsgi_request import Maker, Response, head_bytes
from seatrial_runtime.servers.wsgi_threads import Threads
from seatrial_runtime.supervisor.channel import Message, Sender

_NEXT_MS = 1
_MAX_LINE_BYTES = 8190  # The most that gunicorn's parsers take.
_LINGER_S = 2.0  # As gunicorn's own, for kept connections once it is told to stop.
_CLIENT_LEFT = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN)


def serve(spec: ServerSpec, app: Any, sender: Sender, _: Watch, leave: Callable[[], None]) -> None:
    """Serve until told to stop; `leave` ends the process when requests still run by then."""
    cfg = _config(spec)
    log = JsonLogger(cfg)
    log.on_error = lambda text: sender.send(Message("error", os.getpid(), text=text))
    listener = socket.socket(fileno=spec.listener_fd)
    worker = Worker(app, spec, sender, listener, cfg, log)
    worker.init_process()
    if worker.nr_conns:
        leave()


def _config(spec: ServerSpec) -> Config:
    """Set everything here: no configuration file or gunicorn variable has a say."""
    settings, shm = spec.settings, "/dev/shm"
    cfg = Config()
    values = {
        "bind": f"fd://{spec.listener_fd}",
        # Two when there are more processes than this one: it sets wsgi.multiprocess.
        "workers": 1 if settings.workers == 1 else 2,
        "threads": settings.threads,
        "graceful_timeout": settings.graceful_timeout_s,
        "keepalive": settings.keep_alive_s,
        "limit_request_line": min(settings.max_header, _MAX_LINE_BYTES),
        "limit_request_field_size": settings.max_header,
        "worker_tmp_dir": shm if os.access(shm, os.W_OK | os.X_OK) else None,
    }
    for name, value in values.items():
        cfg.set(name, value)
    return cfg


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(_NEXT_MS))


class Worker(ThreadWorker):
    """A gthread worker that reports, drains what has queued and bounds its streams."""

    def __init__(
        self,
        app: Any,
        spec: ServerSpec,
        sender: Sender,
        listener: socket.socket,
        cfg: Config,
        log: JsonLogger,
    ) -> None:
        none: Any = None  # gunicorn's own view of an app, which only an arbiter needs.
        super().__init__(0, spec.supervisor_pid, [listener], none, 0, cfg, log)
        self._app, self._spec, self._sender = app, spec, sender
        self.wsgi: Any = app
        self._streams: set[Response] = set()
        self._streams_end_s: float | None = None  # Monotonic, once stopping.
        self._maker = Maker(cfg, self._streams)

    def load_wsgi(self) -> None:
        """The app was loaded before; gunicorn calls this in its own order."""
        self.wsgi = self._app

    def init_signals(self) -> None:
        """Only the stop: what the app installed for other signals stays."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
            signal.siginterrupt(number, False)

    def run(self) -> None:
        """Serve until told to stop."""
        self._sender.send(Message("ready", os.getpid(), rss_bytes=rss_bytes()))
        super().run()

    def notify(self) -> None:
        """Called at least once a second: here it ends the streams whose budget is over."""
        if self.alive:
            return
        now = time.monotonic()
        if self._streams_end_s is None:
            self._streams_end_s = now + self._spec.settings.stream_timeout_s
        if now >= self._streams_end_s:
            for response in list(self._streams):
                with contextlib.suppress(OSError):
                    response.sock.shutdown(socket.SHUT_RDWR)

    def set_accept_enabled(self, enabled: bool | None) -> None:
        """When the service ends, take the connections that wait, then refuse new ones.

        Nobody would answer them later, and a refused client can safely try elsewhere. Refusing
        goes for every process that shares the socket and resets what still waits in it, so it
        follows the last accept at once. A worker that ends alone leaves the socket to others.
        """
        if not enabled and not self.alive and self._service_ends():
            for listener in self.sockets:
                before = -1
                while before < self.nr_conns < self.worker_connections:
                    before = self.nr_conns
                    self.accept(listener)
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
        super().set_accept_enabled(enabled)

    def accept(self, listener: socket.socket) -> None:
        """Take one connection, if there is one and no other worker has ended the listening."""
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise

    def _service_ends(self) -> bool:
        return bool(select.select([self._spec.stop_fd], [], [], 0)[0])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: once is enough."""
        super().handle_exit(signal.SIGTERM, frame)

    # -- threads

    def get_thread_pool(self) -> Any:
        """Ours, in place of Python's, which costs a small request as much as the app does."""
        self._threads = Threads(self.cfg.threads, self._serve)
        return self._threads

    def enqueue_req(self, conn: Any) -> None:
        """Something has come on this connection."""
        self._threads.put(conn)

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Look after what waits for a thread, too."""
        super().wait_for_and_dispatch_events(self._threads.pause_s(timeout))
        self._threads.look()

    def _serve(self, conn: Any) -> bool:
        """Serve what is there, in a thread; whether there is more on this connection already.

        The next request is awaited here for a moment: handing the connection back to the main
        loop and out again costs more than a small request.
        """
        kept: Any = False
        try:
            kept = self.handle(conn)
            if kept is True and self.alive and self.cfg.keepalive:
                if conn.parser.unreader.buf.getvalue():
                    return True
                if self._threads.free() and _readable(conn.sock):
                    return True
                self._keep(conn)
                return False
        except BaseException:  # A thread that ends would be missed for ever.
            self.log.exception("Error handling connection")
        self.method_queue.defer(self.finish_request, conn, _Done(kept))
        return False

    def _keep(self, conn: Any) -> None:
        """Have the main thread wait for the next request."""
        conn.set_timeout()
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_client_socket_readable, conn))
        if not self.alive:  # Told to stop meanwhile, and the others have been given their time.
            self._cap_keepalive(time.monotonic() + _LINGER_S)

    def _cap_keepalive(self, deadline: float) -> None:
        """Close kept connections by then; gunicorn's own knows of no other thread that adds one."""
        for conn in list(self.keepalived_conns):
            conn.timeout = min(conn.timeout or deadline, deadline)

    def handle(self, conn: Any) -> Any:
        """One request of a connection; the first one is gunicorn's own matter.

        Its own sets the socket to blocking each time, which ours always is, and looks for HTTP/2.
        """
        if not conn.initialized:
            return super().handle(conn)
        if conn.sock.gettimeout() is not None:  # While it stops, gunicorn makes it so.
            conn.sock.setblocking(True)
        req: Any = None
        try:
            req = next(conn.parser)
            return bool(req) and self._keepalive_after(conn, self.handle_request(req, conn))
        except (NoMoreData, StopIteration):
            return False
        except OSError as error:
            if error.errno not in _CLIENT_LEFT:
                self.log.exception("Socket error processing request.")
        except Exception as error:
            self.handle_error(req, conn.sock, conn.client, error)
        return False

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Whether the connection can be used again; without the search for a body of no bytes."""
        body = conn.parser.mesg.body
        reader = body.reader
        if keepalive and type(reader) is LengthReader and not (reader.length or body.failed):
            conn.parser.mesg = None
            return True
        by_gunicorn: Any = super()
        return bool(by_gunicorn._keepalive_after(conn, keepalive))

    def handle_request(self, req: Any, conn: Any) -> bool:
        """One request. gunicorn's own, without its access log and hooks, which the guard has."""
        response: Response | None = None
        try:
            if head_bytes(req) > self._spec.settings.max_header:
                util.write_error(conn.sock, 431, "Request Header Fields Too Large", "")
                return False
            response, environ = self._maker.make(req, conn)
            if not self.alive or len(self.keepalived_conns) >= self.max_keepalived:
                response.force_close()
            result = self.wsgi(environ, response.start_response)
            try:
                if isinstance(result, environ["wsgi.file_wrapper"]):
                    response.write_file(result)
                else:
                    for item in result:
                        response.write(item)
                response.close()
            finally:
                if hasattr(result, "close"):
                    result.close()
            return not response.should_close()
        except OSError:
            raise
        except (Exception, SystemExit):
            if response is not None and response.headers_sent:
                # A second answer on the same socket would corrupt the first one.
                self.log.exception("Error handling request")
                util.close_graceful(conn.sock)
                raise StopIteration from sys.exc_info()[1]
            raise
        finally:
            if response is not None:
                self._streams.discard(response)


class _Done:
    """What has come of a request, in the form of a future."""

    def __init__(self, result: Any) -> None:
        self._result = result

    def cancelled(self) -> bool:
        """Never."""
        return False

    def result(self) -> Any:
        """Whether the connection is kept; gunicorn's mark where nothing has come on it yet."""
        return self._result
