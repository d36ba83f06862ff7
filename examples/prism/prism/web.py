"""WSGI entry point: ``flask --app prism.web run``, or any WSGI server given ``prism.web:app``."""

from __future__ import annotations

from prism.app import create_app

app = create_app()
