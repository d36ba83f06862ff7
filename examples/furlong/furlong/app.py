"""Application factory."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast

from flask import Flask, Response, current_app, g
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from furlong.db import connect, database_url
from furlong.model import BUILD_COMMAND, Model, ModelError, load_model
from furlong.seed import refresh, today

ROOT = Path(__file__).resolve().parent.parent
MAX_BODY = 64 * 1024
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

log = logging.getLogger(__name__)


@dataclass
class State:
    """What one process keeps for all its requests."""

    model: Model
    evaluation: dict[str, Any]
    engine: Engine
    fresh_to: date  # cards are known to exist up to this day


def state() -> State:
    """The state of the current application."""
    return cast(State, current_app.extensions["furlong"])


def database() -> Session:
    """The session of the current request."""
    if "session" not in g:
        g.session = Session(state().engine, expire_on_commit=False)
    return cast(Session, g.session)


def ensure_today() -> None:
    """After midnight the first request settles yesterday and adds the new day's cards."""
    now = state()
    day = today()
    if day > now.fresh_to:
        refresh(now.engine, now.model, day)
        now.fresh_to = day


def _evaluation(path: Path) -> dict[str, Any]:
    """The figures written next to the model when it was built."""
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}; build it with: {BUILD_COMMAND}") from error
    return figures


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Load the model, prepare the database and wire up the pages and the API.

    ``config`` may override MODEL_DIR, DATA_DIR and DATABASE_URL.
    """
    from furlong import api, web

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.config["MODEL_DIR"] = os.environ.get("FURLONG_MODEL_DIR", str(ROOT / "model"))
    app.config["DATA_DIR"] = os.environ.get("FURLONG_DATA_DIR", app.instance_path)
    app.config.from_mapping(config or {})

    model_dir = Path(app.config["MODEL_DIR"])
    model = load_model(model_dir / "furlong.safetensors")
    evaluation = _evaluation(model_dir / "evaluation.json")
    engine = connect(app.config.get("DATABASE_URL") or database_url(Path(app.config["DATA_DIR"])))
    day = today()
    refresh(engine, model, day)
    engine.dispose()  # a server that forks after loading must not share connections
    app.extensions["furlong"] = State(model, evaluation, engine, day)
    log.info("model %s, database %s", model.version, engine.url.render_as_string())

    app.register_blueprint(web.pages)
    app.register_blueprint(api.api)
    web.register_filters(app)
    web.register_errors(app)

    @app.teardown_appcontext
    def close_session(_error: BaseException | None) -> None:
        session = g.pop("session", None)
        if session is not None:
            session.close()

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return app
