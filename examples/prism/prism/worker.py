"""A worker for analyses in Redis: ``python -m prism.worker``."""

from __future__ import annotations

import logging
import os
import sys

from rq import Queue, Worker
from rq.serializers import JSONSerializer

from prism.config import from_environment
from prism.store import connect_redis
from prism.work import QUEUE


def main() -> int:
    """Serve the queue until SIGTERM or SIGINT; a running analysis is finished first."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = from_environment(os.environ)
    if not config.redis_url:
        print("REDIS_URL is not set: without Redis the web process does the work.", file=sys.stderr)
        return 2
    connection = connect_redis(config.redis_url, timeout_s=None)  # a worker waits for its next job
    queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
    Worker([queue], connection=connection, serializer=JSONSerializer).work(with_scheduler=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
