"""The pages."""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from prism import export, library, reading, sample
from prism.app import state
from prism.archive import Refused
from prism.config import MAX_FILE_BYTES, MIB
from prism.library import Entry, Message
from prism.results import BUILT_IN, KINDS
from prism.security import owner_key, wants_json
from prism.store import StoreError
from prism.work import Full

pages = Blueprint("pages", __name__)
MAX_QUESTION = 1000
RETRY_AFTER_S = "30"

log = logging.getLogger(__name__)
Answer = str | Response | BaseResponse | tuple[str | Response, int]


@pages.get("/")
def index() -> Answer:
    """The form for a document, and the session's documents."""
    return _front()


def _front(problem: str = "") -> str:
    return render_template(
        "index.html",
        shelf=library.shelf(state().store, owner_key()),
        problem=problem,
        most_mb=MAX_FILE_BYTES // MIB,
        keep_h=state().config.keep_s // 3600,
    )


def _refuse(problem: str, code: int) -> Answer:
    if wants_json():
        return jsonify(error=problem), code
    return _front(problem), code


@pages.post("/documents")
def upload() -> Answer:
    """Check, read and keep a document, and queue its analysis."""
    sent = request.files.get("document")
    if sent is None or not sent.filename:
        return _refuse("Choose a Word document (.docx) first.", 400)
    name = PurePath(sent.filename.replace("\\", "/")).name[:120] or "document.docx"
    return _take(sent.stream.read(MAX_FILE_BYTES + 1), name)


@pages.post("/sample")
def try_sample() -> Answer:
    """Analyse the document that comes with Prism."""
    return _take(sample.build(), sample.NAME)


def _take(data: bytes, name: str) -> Answer:
    try:
        document = reading.read(data, PurePath(name).stem, state().config.max_sections)
    except Refused as refusal:
        log.info("refused a document: %s", refusal)
        return _refuse(str(refusal), 413 if len(data) > MAX_FILE_BYTES else 422)
    document_id = library.add(state().store, owner_key(), name, document)
    if not _queue(document_id):
        library.remove(state().store, owner_key(), document_id)
        return _refuse("Too many documents are waiting. Try again in a minute.", 503)
    place = url_for("pages.document", document_id=document_id)
    return jsonify(location=place) if wants_json() else redirect(place, 303)


def _queue(document_id: str) -> bool:
    try:
        state().desk.submit(document_id)
    except Full:
        return False
    return True


def _entry(document_id: str) -> Entry:
    """The session's own document; others are as good as absent."""
    found = library.load(state().store, document_id)
    if found is None or found.owner != owner_key():
        abort(404, "This document is not here (any more).")
    return found


def _counts(entry: Entry) -> dict[str, int]:
    analyses = [*entry.sections.values(), *([entry.overview] if entry.overview else [])]
    counted = Counter(finding.kind for found in analyses for finding in found.findings)
    return {kind: counted[kind] for kind in KINDS}


@pages.get("/documents/<document_id>")
def document(document_id: str) -> Answer:
    """A document, what was found so far, and the chat about it."""
    entry = _entry(document_id)
    return render_template(
        "document.html",
        entry=entry,
        counts=_counts(entry),
        bucket=state().config.s3_bucket,
        most=MAX_QUESTION,
        saved=request.args.get("saved") == "1",
    )


@pages.get("/documents/<document_id>/progress")
def progress(document_id: str) -> Answer:
    """How far the analysis is, and the results the page does not show yet (``?have=1,2``)."""
    entry = _entry(document_id)
    have = set(request.args.get("have", "").split(","))
    fresh = {
        number: render_template("_analysis.html", analysis=analysis)
        for number, analysis in entry.sections.items()
        if str(number) not in have
    }
    if entry.overview and "0" not in have:
        fresh[0] = render_template("_analysis.html", analysis=entry.overview)
    return jsonify(
        state="stalled" if entry.status.stalled else entry.status.state,
        done=entry.done,
        steps=entry.steps,
        facts=render_template("_facts.html", entry=entry, counts=_counts(entry)),
        sections=fresh,
    )


@pages.post("/documents/<document_id>/analyse")
def analyse_again(document_id: str) -> Answer:
    """Go on with an analysis that stopped."""
    entry = _entry(document_id)
    if entry.overview is None and (entry.status.stalled or entry.status.state == "failed"):
        if not _queue(document_id):
            return _refuse("Too many documents are waiting. Try again in a minute.", 503)
        library.set_status(state().store, document_id, "waiting")
    return redirect(url_for("pages.document", document_id=document_id), 303)


@pages.post("/documents/<document_id>/chat")
def chat(document_id: str) -> Answer:
    """Answer a question about the document."""
    entry = _entry(document_id)
    asked = " ".join(request.form.get("question", "").split())
    if not 2 <= len(asked) <= MAX_QUESTION:
        abort(400, f"Ask something of 2 to {MAX_QUESTION} characters.")
    answer = state().analyst.answer(entry.document, asked, entry.chat)
    both = (Message("user", asked, []), answer)
    library.say(state().store, entry, *both)
    if wants_json():
        return jsonify(html=render_template("_messages.html", messages=both))
    return redirect(url_for("pages.document", document_id=document_id) + "#chat", 303)


@pages.get("/documents/<document_id>/export.<any(docx,json):ending>")
def download(document_id: str, ending: str) -> Answer:
    """The results as a file."""
    entry = _entry(document_id)
    make, kind = export.FORMATS[ending]
    name = export.file_name(entry, ending)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(make(entry), mimetype=kind, headers=headers)


@pages.post("/documents/<document_id>/export/s3")
def save_to_bucket(document_id: str) -> Answer:
    """Put the results into the configured bucket."""
    entry = _entry(document_id)
    if not state().config.s3_bucket:
        abort(404, "No bucket is configured.")
    try:
        put = export.to_s3(state().config, entry)
    except export.ExportError as error:
        log.warning("export failed: %s", error)
        abort(502, str(error))
    if wants_json():
        return jsonify(saved=put)
    return redirect(url_for("pages.document", document_id=document_id, saved=1), 303)


@pages.post("/documents/<document_id>/delete")
def delete(document_id: str) -> Answer:
    """Forget a document and all about it."""
    entry = _entry(document_id)
    library.remove(state().store, owner_key(), entry.id)
    return redirect(url_for("pages.index"), 303)


@pages.get("/healthz")
def healthz() -> Answer:
    """Whether sessions can be kept, and which analyser is on."""
    now = state()
    parts: dict[str, Any] = {
        "analyser": now.analyst.name,
        "sessions": now.store.name,
        "work": now.desk.name,
    }
    try:
        now.store.ping()
    except StoreError:
        log.warning("the session store does not answer")
        return jsonify(status="session store unavailable", **parts), 503
    return jsonify(status="ok", **parts)


def register_filters(app: Flask) -> None:
    """What the templates use."""
    app.jinja_env.globals["kinds"] = KINDS

    @app.context_processor
    def analyser() -> dict[str, Any]:
        return {"built_in": state().analyst.name == BUILT_IN}

    @app.template_filter("who")
    def who(analysis: Any) -> str:
        return export.who(analysis)

    @app.template_filter("ago")
    def ago(then_s: float) -> str:
        minutes = int(max(0.0, time.time() - then_s) // 60)
        if minutes < 1:
            return "just now"
        if minutes < 60:
            return f"{minutes} min ago"
        return f"{datetime.fromtimestamp(then_s, UTC):%d %b, %H:%M} UTC"


def register_errors(app: Flask) -> None:
    """Errors as pages, and as JSON for the page's script."""

    @app.errorhandler(HTTPException)
    def failed(error: HTTPException) -> Answer:
        code, text = error.code or 500, error.description or error.name
        if isinstance(error, RequestEntityTooLarge):
            text = f"The file is larger than {MAX_FILE_BYTES // MIB} MB."
        if wants_json():
            return jsonify(error=text), code
        return render_template("error.html", title=error.name, text=text), code

    @app.errorhandler(StoreError)
    def store_failed(_error: Exception) -> Answer:
        log.exception("the session store does not answer")
        text = "The session store does not answer. Try again in a moment."
        if wants_json():
            answer: Response | str = jsonify(error=text)
        else:
            answer = render_template("error.html", title="Not available", text=text)
        response = app.make_response((answer, 503))
        response.headers["Retry-After"] = RETRY_AFTER_S
        return response
