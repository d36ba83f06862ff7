"""The report as Markdown and as one HTML page."""

from __future__ import annotations

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from seatrial.reporter import words
from seatrial.reporter.charts import Chart
from seatrial.reporter.charts.svg import VEGA_LITE
from seatrial.reporter.model import Report


def markdown(report: Report, images: bool) -> bytes:
    """The report as Markdown; `images` says that the charts lie beside it."""
    template = _environment("md").get_template("report.md.j2")
    return _bytes(template.render(report=report, images=images))


def html(report: Report, charts: dict[str, Chart]) -> bytes:
    """The report as one page that loads nothing: charts are data, drawn by the page's own script.

    Only the two scripts that the page was made with may run, told by their hashes: foreign text
    that would get past the escaping would still be refused by the browser.
    """
    vega, draw = _library(), _asset("templates/draw.js")
    # `<` inside a string of JSON is data to a browser only when it is written otherwise.
    specs = json.dumps({name: chart.spec for name, chart in charts.items()}, ensure_ascii=True)
    template = _environment("html").get_template("report.html.j2")
    return _bytes(
        template.render(
            report=report,
            charts=charts,
            specs=Markup(specs.replace("<", "\\u003c").replace(">", "\\u003e")),
            scripts=(Markup(vega), Markup(draw)) if charts else (),
            hashes=[_hash(vega), _hash(draw)] if charts else ["'none'"],
        )
    )


def _bytes(text: str) -> bytes:
    return (text.strip() + "\n").encode()


@cache
def _asset(path: str) -> str:
    return (resources.files("seatrial.reporter") / path).read_text(encoding="utf-8").strip()


@cache
def _library() -> str:
    """Vega and what belongs to it as one script, under its licences; made in some seconds."""
    # Starts the drawing engine, for which only who writes a page waits.
    import vl_convert

    # A comment of JavaScript ends at the first star and slash.
    licences = _asset("assets/LICENSE-vega.txt").replace("*/", "* /")
    # Its types miss that there is a usual snippet.
    bundled = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]
    return f"/*\n{licences}\n*/\n{bundled.strip()}"


@cache
def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


@cache
def _environment(kind: str) -> Environment:
    """An environment in which every text that is put out is escaped, without asking for it.

    Markdown has no auto-escape of its own: there `finalize` escapes, and marks what it made as
    done.
    """

    def shown(value: object) -> object:
        if isinstance(value, Markup) or not isinstance(value, str):
            return value
        return words.clean(value) if kind == "html" else Markup(words.markdown(value))

    return Environment(
        loader=PackageLoader("seatrial.reporter"),
        autoescape=True,
        finalize=shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
