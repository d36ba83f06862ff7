"""Stores inside the process or on its disk: vector stores, key-value files, chat memory."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from seatrial.kernel.workload import Fact
from seatrial.profiler.detectors.running import argument, default, running, told
from seatrial.profiler.part import Part
from seatrial.profiler.rules import fact

# What always keeps its data on this disk or in this process.
_EMBEDDED = {
    "chromadb.PersistentClient": "Chroma", "tinydb.TinyDB": "TinyDB",
    "tinydb.database.TinyDB": "TinyDB", "shelve.open": "shelve", "diskcache.Cache": "diskcache",
    "diskcache.FanoutCache": "diskcache", "diskcache.Index": "diskcache",
    "diskcache.Deque": "diskcache", "whoosh.index.create_in": "Whoosh",
    "whoosh.index.open_dir": "Whoosh", "sqlitedict.SqliteDict": "sqlitedict",
    "pickledb.load": "pickledb", "pickledb.PickleDB": "pickledb", "lmdb.open": "LMDB",
    "plyvel.DB": "LevelDB", "kuzu.Database": "Kuzu", "ZODB.FileStorage.FileStorage": "ZODB",
    "dbm.open": "dbm", "unqlite.UnQLite": "UnQLite", "montydb.MontyClient": "MontyDB",
}  # fmt: skip
# In memory unless they are told where else.
_IN_MEMORY = {
    "chromadb.Client": "Chroma", "chromadb.EphemeralClient": "Chroma",
    "langchain_core.vectorstores.InMemoryVectorStore": "InMemoryVectorStore",
    "langchain.vectorstores.DocArrayInMemorySearch": "DocArray",
    "langchain_community.vectorstores.DocArrayInMemorySearch": "DocArray",
}  # fmt: skip
_CHROMA = tuple(f"{package}.{name}" for package in (
    "langchain_chroma", "langchain.vectorstores", "langchain_community.vectorstores",
    "langchain_chroma.vectorstores", "langchain_community.vectorstores.chroma",
    "langchain.vectorstores.chroma",
) for name in ("Chroma", "Chroma.from_documents", "Chroma.from_texts"))  # fmt: skip
_SAVES = {
    "faiss.write_index": "FAISS", "save_local": "FAISS", "hnswlib.Index().save_index": "hnswlib",
}  # fmt: skip
CALLS_MAX = 300
"""Calls of a file that are looked at closely."""
_MEMORIES = frozenset({
    "ConversationBufferMemory", "ConversationBufferWindowMemory", "ConversationSummaryMemory",
    "ConversationSummaryBufferMemory", "ConversationTokenBufferMemory", "ConversationKGMemory",
    "InMemoryChatMessageHistory", "ChatMessageHistory", "MemorySaver", "InMemorySaver",
    "ChatMemoryBuffer", "ChatSummaryMemoryBuffer", "SimpleChatStore", "InMemoryStore",
    "InMemoryMemoryService", "InMemoryChatMemory", "InMemoryDb", "VectorStoreRetrieverMemory",
    "InMemoryHistory", "InMemorySessionService",
})  # fmt: skip
_MEMORY_PACKAGES = ("langchain", "langgraph", "llama_index", "google.adk", "agno", "phi.",
                    "haystack", "autogen")  # fmt: skip
_PER_VISITOR = ("streamlit.session_state", "chainlit.user_session")


def detect(part: Part) -> Iterator[Fact]:
    """Embedded stores that the app writes, and conversations kept in memory."""
    seen: set[tuple[str, str, str]] = set()
    for one in sorted((*_stores(part), *_memories(part)),
                      key=lambda f: (f.proof.file, f.proof.line, f.rule)):  # fmt: skip
        key = one.rule, one.subject, one.proof.file
        if key not in seen:
            seen.add(key)
            yield one


def _stores(part: Part) -> Iterator[Fact]:
    names = {name.rpartition(".")[2] for name in (*_EMBEDDED, *_IN_MEMORY, *_CHROMA, *_SAVES)}
    names |= {"connect", "QdrantClient", "AsyncQdrantClient", "MilvusClient", "connect_async",
              "from_documents", "from_texts"}  # fmt: skip
    for path in part.paths:
        for call in part.code.file(path).calls(names)[:CALLS_MAX]:
            called = part.code.meaning(path, call.func) or part.code.full_name(path, call.func)
            found = _store(part, path, call, called)
            if found is not None:
                name, value, confidence = found
                one = part.code.file(path).at(call)
                place = told(one, running(part).get(one) if one is not None else None)
                yield fact("state.embedded-store", name, f"{value} {place}".strip(), file=path,
                           line=call.lineno, confidence=confidence)  # fmt: skip


def _store(part: Part, path: str, call: ast.Call, called: str) -> tuple[str, str, float] | None:
    """The store, where it is, and how sure that is; none when it is a server's."""
    if called in _EMBEDDED:
        text, _ = default(part.code, path, argument(call, "path", 0))
        if (text or "").startswith("/tmp/") or _read_only(call):
            return None
        return _EMBEDDED[called], f"in {text}" if text else "on disk", 0.8
    if called in _IN_MEMORY:
        if any("server" in (k.arg or "") or k.arg in ("settings", "host") for k in call.keywords):
            return None
        return _IN_MEMORY[called], "in memory", 0.8
    if called in _CHROMA:
        if any(k.arg in ("client", "client_settings", "host", "chroma_cloud_api_key", None)
               for k in call.keywords):  # fmt: skip
            return None
        text, _ = default(part.code, path, argument(call, "persist_directory"))
        return "Chroma", f"in {text}" if text else "on disk or in memory", 0.8
    if called.endswith("QdrantClient"):
        place = argument(call, "path") or argument(call, "location", 0)
        text, env = default(part.code, path, place)
        local = argument(call, "path") is not None or text == ":memory:"
        return ("Qdrant", f"in {text}" if text else "on disk", 0.9) if local and not env else None
    if called == "pymilvus.MilvusClient":
        text, env = default(part.code, path, argument(call, "uri", 0))
        local = text is not None and text.endswith(".db") and not env
        return ("Milvus Lite", f"in {text}", 0.9) if local else None
    if called in ("lancedb.connect", "lancedb.connect_async"):
        text, env = default(part.code, path, argument(call, "uri", 0))
        remote = text is not None and text.partition("://")[0] in ("s3", "gs", "az", "db")
        return None if remote or env or text is None else ("LanceDB", f"in {text}", 0.8)
    if called == "duckdb.connect":
        text, env = default(part.code, path, argument(call, "database", 0))
        read_only = argument(call, "read_only")
        if not text or text.startswith((":memory:", "md:")) or env or read_only is not None:
            return None
        return "DuckDB", f"in {text}", 0.8
    return _faiss(part, path, call, called)


def _faiss(part: Part, path: str, call: ast.Call, called: str) -> tuple[str, str, float] | None:
    """An index that is built or saved while serving; one that is only read is a part of the
    image."""
    one = part.code.file(path).at(call)
    if one is None or one not in running(part):
        return None
    saved = called in _SAVES or (called.endswith(".save_local") and "FAISS" in called)
    if not saved and isinstance(call.func, ast.Attribute) and call.func.attr == "save_local":
        saved = not called and part.imports("langchain", "langchain_community", "faiss")
    built = called.endswith((".FAISS.from_documents", ".FAISS.from_texts")) and (
        not _is_returned_only(part, path, call)
    )
    if not saved and not built:
        return None
    return "FAISS", "saved on disk" if saved else "built in memory", 0.8 if saved else 0.6


def _is_returned_only(part: Part, path: str, call: ast.Call) -> bool:
    """Whether an index is made for one request and used there: nothing outlives that."""
    one = part.code.file(path).at(call)
    if one is None:
        return False
    declared = part.code.file(path).globals_of(one)
    for node in part.code.file(path).inside(one, ast.Assign):
        if node.value is call:
            return not any(
                (isinstance(target, ast.Name) and target.id in declared)
                or isinstance(target, ast.Attribute | ast.Subscript)
                for target in node.targets
            )
    return True


def _read_only(call: ast.Call) -> bool:
    for keyword in call.keywords:
        if keyword.arg in ("readonly", "read_only", "flag") and isinstance(
            keyword.value, ast.Constant
        ):
            return keyword.value.value in (True, "r")
    return False


def _memories(part: Part) -> Iterator[Fact]:
    """What keeps conversations in memory and outlives a request."""
    for path in part.paths:
        file = part.code.file(path)
        for call in file.calls(_MEMORIES)[:CALLS_MAX]:
            called = part.code.meaning(path, call.func)
            if not called.startswith(_MEMORY_PACKAGES):
                continue
            name = called.removesuffix("()").rpartition(".")[2]
            if called.endswith("from_defaults"):
                name = called.split(".")[-2]
            if name == "InMemoryStore" and "langgraph" not in called:
                continue
            if not _lasts(part, path, call):
                continue
            yield fact("state.chat-memory", name, told(file.at(call), None), file=path,
                       line=call.lineno, confidence=0.5 if _has_choice(part) else 0.9)  # fmt: skip


def _lasts(part: Part, path: str, call: ast.Call) -> bool:
    """Whether it outlives the function that makes it; a visitor's own session is told apart."""
    file = part.code.file(path)
    one = file.at(call)
    scripts = {script.path for script in part.code.scripts}
    for node in file.inside(one, ast.Assign):
        if any(inner is call for inner in ast.walk(node.value)):
            for target in node.targets:
                if isinstance(target, ast.Subscript):
                    # `store[session_id] = InMemoryChatMessageHistory()`: told with the store.
                    return False
                if isinstance(target, ast.Attribute):
                    return not part.code.meaning(path, target).startswith(_PER_VISITOR)
                if one is not None and isinstance(target, ast.Name) and (
                    target.id in file.globals_of(one)
                ):  # fmt: skip
                    return True
    if one is None:
        return path not in scripts
    return one not in part.code.serving


def _has_choice(part: Part) -> bool:
    """Whether the app can also keep conversations elsewhere."""
    names = ("PostgresSaver", "AsyncPostgresSaver", "RedisSaver", "AsyncRedisSaver", "SqliteSaver",
             "MongoDBSaver", "RedisChatMessageHistory", "PostgresChatMessageHistory",
             "SQLChatMessageHistory", "DynamoDBChatMessageHistory", "from_conn_string",
             "DatabaseSessionService", "RedisChatStore")  # fmt: skip
    return any(part.code.file(path).calls(names) for path in part.paths)
