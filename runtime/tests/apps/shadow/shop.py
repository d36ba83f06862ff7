"""An app with a module that is called like one of Python's own."""

import graphlib


def app(environ, start_response):
    start_response("200 OK", [])
    return [graphlib.NAME.encode()]
