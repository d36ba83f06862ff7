"""The documents of a session, their analyses and their chats, as fields in the store."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any

from prism import document as documents
from prism import results
from prism.document import Document
from prism.results import Analysis
from prism.store import Store

MAX_DOCUMENTS = 20
MAX_MESSAGES = 40
STALE_S = 300.0  # a section may take two whole chains of models
_ID = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True)
class Message:
    """A line of the chat. ``sources`` are the places in the document it rests on.

    ``usage`` is what a model did for it (the fields of ``results.Usage``), else None.
    """

    role: str  # "user" or "prism"
    text: str
    sources: list[dict[str, Any]]
    analyser: str = ""
    note: str = ""
    usage: dict[str, Any] | None = None


@dataclass(frozen=True)
class Status:
    """How far an analysis is: waiting, running, done, failed; ``stalled`` when it fell silent."""

    state: str
    updated_s: float
    note: str = ""

    @property
    def stalled(self) -> bool:
        return self.state in ("waiting", "running") and time.time() - self.updated_s > STALE_S


@dataclass(frozen=True)
class Entry:
    """All that is kept of one document."""

    id: str
    owner: str
    file: str
    document: Document
    status: Status
    sections: dict[int, Analysis]
    overview: Analysis | None
    chat: list[Message]

    @property
    def done(self) -> int:
        """Steps finished: the sections, and the look at the whole."""
        return len(self.sections) + (self.overview is not None)

    @property
    def steps(self) -> int:
        """Steps there are."""
        return len(self.document.sections) + 1

    @property
    def usage(self) -> results.Usage:
        """What models did for the whole document, the chat not counted."""
        analyses = [*self.sections.values(), *([self.overview] if self.overview else [])]
        return sum((analysis.usage for analysis in analyses), results.Usage())


def _group(document_id: str) -> str:
    return f"prism:document:{document_id}"


def _shelf(owner: str) -> str:
    return f"prism:session:{owner}"


def add(store: Store, owner: str, file: str, document: Document) -> str:
    """Keep a new document, and forget the session's oldest when it has too many; its id."""
    document_id = secrets.token_urlsafe(16)
    store.write(
        _group(document_id),
        {
            "owner": owner.encode(),
            "file": file.encode(),
            "document": documents.to_json(document),
            "status": _status("waiting"),
        },
    )
    label = {"title": document.title, "file": file, "added_s": time.time()}
    store.write(_shelf(owner), {document_id: json.dumps(label).encode()})
    for old in shelf(store, owner)[MAX_DOCUMENTS:]:
        remove(store, owner, old["id"])
    return document_id


def shelf(store: Store, owner: str) -> list[dict[str, Any]]:
    """The session's documents, newest first: id, title, file, added_s."""
    found = [{"id": name, **json.loads(value)} for name, value in store.read(_shelf(owner)).items()]
    return sorted(found, key=lambda label: -label["added_s"])


def remove(store: Store, owner: str, document_id: str) -> None:
    """Forget a document and all about it."""
    store.drop(_shelf(owner), document_id)
    store.delete(_group(document_id))


def load(store: Store, document_id: str) -> Entry | None:
    """A document with all that is kept of it, or None."""
    if not _ID.fullmatch(document_id):
        return None
    fields = store.read(_group(document_id))
    if not {"owner", "file", "document", "status"} <= fields.keys():
        return None
    sections = {
        int(name.removeprefix("section:")): results.from_json(value)
        for name, value in fields.items()
        if name.startswith("section:")
    }
    chat = [
        Message(**json.loads(fields[name])) for name in sorted(fields) if name.startswith("chat:")
    ]
    return Entry(
        id=document_id,
        owner=fields["owner"].decode(),
        file=fields["file"].decode(),
        document=documents.from_json(fields["document"]),
        status=Status(**json.loads(fields["status"])),
        sections=dict(sorted(sections.items())),
        overview=results.from_json(fields["overview"]) if "overview" in fields else None,
        chat=chat,
    )


def _status(state: str, note: str = "") -> bytes:
    return json.dumps(asdict(Status(state, time.time(), note))).encode()


def set_status(store: Store, document_id: str, state: str, note: str = "") -> None:
    """Say how far the analysis is."""
    store.write(_group(document_id), {"status": _status(state, note)})


def keep_section(store: Store, document_id: str, number: int, analysis: Analysis) -> None:
    """Keep a section's result; it shows that the work goes on, too."""
    fields = {f"section:{number}": results.to_json(analysis), "status": _status("running")}
    store.write(_group(document_id), fields)


def keep_overview(store: Store, document_id: str, analysis: Analysis) -> None:
    """Keep the result for the whole document: the analysis is done."""
    fields = {"overview": results.to_json(analysis), "status": _status("done")}
    store.write(_group(document_id), fields)


def exists(store: Store, document_id: str) -> bool:
    """Whether the document is still kept."""
    return store.get(_group(document_id), "owner") is not None


def say(store: Store, entry: Entry, *messages: Message) -> None:
    """Add to the chat, and forget its oldest lines."""
    now_ns = time.time_ns()
    fields = {
        f"chat:{now_ns + place:020d}": json.dumps(asdict(message)).encode()
        for place, message in enumerate(messages)
    }
    store.write(_group(entry.id), fields)
    names = sorted(name for name in store.read(_group(entry.id)) if name.startswith("chat:"))
    store.drop(_group(entry.id), *names[:-MAX_MESSAGES])
