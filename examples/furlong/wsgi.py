"""WSGI entry point: ``flask --app wsgi run``, or any WSGI server given ``wsgi:app``."""

from furlong import create_app

app = create_app()
