import json

from store import Store


def to_json(document: dict) -> str:
    return json.dumps(document)


def keep(upload_store: Store, key: str, document: dict) -> None:
    upload_store.save(key, to_json(document))
