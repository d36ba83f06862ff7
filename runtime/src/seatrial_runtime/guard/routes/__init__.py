"""The template that the app's framework matched, without touching the app.

Each module knows one group of frameworks. What none of them knows is left empty, which is told as
"(unmatched)": a raw path is never a route, or every user would be a metric of their own.
"""
