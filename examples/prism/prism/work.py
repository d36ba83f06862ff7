"""Analyses in the background: RQ when there is Redis, else a few threads of this process."""

from __future__ import annotations

import logging
import os
import queue
import threading
from functools import cache
from typing import Protocol

from rq import Queue
from rq import Retry as JobRetry
from rq.serializers import JSONSerializer

from prism import library
from prism.analysts import Analyst, open_analyst
from prism.config import Config, from_environment
from prism.store import Store, connect_redis, open_store

log = logging.getLogger(__name__)

QUEUE = "prism"
JOB_TIMEOUT_S = 3600


class Full(RuntimeError):
    """Too many documents are waiting."""


class Desk(Protocol):
    """Takes documents to be analysed."""

    name: str

    def submit(self, document_id: str) -> None: ...


def analyse(store: Store, analyst: Analyst, document_id: str) -> None:
    """Examine section by section and keep each result at once.

    Sections that have a result are left alone, so that a second run goes on where one ended.
    """
    entry = library.load(store, document_id)
    if entry is None:
        return
    library.set_status(store, document_id, "running")
    found = dict(entry.sections)
    for part in entry.document.sections:
        if part.number in found:
            continue
        if not library.exists(store, document_id):
            return  # forgotten meanwhile
        found[part.number] = analyst.section(entry.document, part)
        library.keep_section(store, document_id, part.number, found[part.number])
    analyses = [found[part.number] for part in entry.document.sections]
    overview = analyst.overview(entry.document, analyses)
    if library.exists(store, document_id):
        library.keep_overview(store, document_id, overview)
    log.info("analysed a document of %d sections", len(analyses))


class Threads:
    """A few daemon threads behind a bounded queue, started with the first document."""

    name = "threads"

    def __init__(self, store: Store, analyst: Analyst, threads: int, waiting: int) -> None:
        self._store, self._analyst, self._threads = store, analyst, threads
        self._waiting: queue.Queue[str] = queue.Queue(waiting)
        self._lock = threading.Lock()
        self._started = False

    def submit(self, document_id: str) -> None:
        """Queue a document; raises Full."""
        with self._lock:
            if not self._started:
                for _thread in range(self._threads):
                    threading.Thread(target=self._run, name="analysis", daemon=True).start()
                self._started = True
        try:
            self._waiting.put_nowait(document_id)
        except queue.Full as error:
            raise Full from error

    def _run(self) -> None:
        while True:
            document_id = self._waiting.get()
            try:
                analyse(self._store, self._analyst, document_id)
            except Exception:
                log.exception("an analysis failed")
                library.set_status(self._store, document_id, "failed", "An error stopped it.")


class RqDesk:
    """A queue in Redis that worker processes serve; jobs are JSON, never pickles."""

    name = "rq"

    def __init__(self, url: str, waiting: int) -> None:
        self._queue = Queue(QUEUE, connection=connect_redis(url), serializer=JSONSerializer)
        self._most = waiting

    def submit(self, document_id: str) -> None:
        """Queue a document; raises Full."""
        if self._queue.count >= self._most:
            raise Full
        self._queue.enqueue(
            "prism.work.run_job",
            document_id,
            job_timeout=JOB_TIMEOUT_S,
            result_ttl=0,
            failure_ttl=24 * 3600,
            retry=JobRetry(max=2, interval=[5, 30]),
        )


@cache
def _of_worker() -> tuple[Store, Analyst]:
    config = from_environment(os.environ)
    return open_store(config), open_analyst(config)


def run_job(document_id: str) -> None:
    """What a worker process runs for a document."""
    store, analyst = _of_worker()
    try:
        analyse(store, analyst, document_id)
    except Exception:
        library.set_status(store, document_id, "failed", "An error stopped it; it is tried again.")
        raise


def open_desk(config: Config, store: Store, analyst: Analyst) -> Desk:
    """RQ when there is Redis, else threads."""
    if config.redis_url:
        return RqDesk(config.redis_url, config.waiting_documents * 10)
    return Threads(store, analyst, config.threads, config.waiting_documents)
