"""Application factory."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from prism.analysts import Analyst, open_analyst
from prism.config import MAX_FILE_BYTES, Config, from_environment
from prism.security import protect
from prism.store import Store, open_store
from prism.work import Desk, open_desk

FORM_BYTES = 64 * 1024  # what a form adds around the file

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """What one process keeps for all its requests."""

    config: Config
    store: Store
    analyst: Analyst
    desk: Desk


def state() -> State:
    """The state of the current application."""
    return cast(State, current_app.extensions["prism"])


def create_app(config: Config | None = None) -> Flask:
    """Wire up pages, store, analyst and background work; nothing is connected to yet."""
    from prism import pages  # after this module: the pages use ``state``

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = config or from_environment(os.environ)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_FILE_BYTES + FORM_BYTES
    app.config["MAX_FORM_MEMORY_SIZE"] = FORM_BYTES
    app.config["MAX_FORM_PARTS"] = 20
    app.config["PRISM"] = config
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    store, analyst = open_store(config), open_analyst(config)
    desk = open_desk(config, store, analyst)
    app.extensions["prism"] = State(config, store, analyst, desk)
    log.info("analyser %s, sessions in %s, work by %s", analyst.name, store.name, desk.name)
    protect(app)
    app.register_blueprint(pages.pages)
    pages.register_filters(app)
    pages.register_errors(app)
    return app
