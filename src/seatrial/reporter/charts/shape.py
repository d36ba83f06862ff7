"""The chosen design as a picture, and the platforms in fifteen dimensions."""

from __future__ import annotations

from typing import Any, get_args

from seatrial.kernel.assessment import Assessment, DimensionName
from seatrial.kernel.plan import Plan
from seatrial.kernel.workload import Workload
from seatrial.reporter.charts.look import Chart, Spec, label, names_axis, spec, token
from seatrial.reporter.naming import in_order, platform_labels, platform_name, replicas, shown
from seatrial.reporter.words import TIMES, count, joined, memory, number

DIMENSIONS: tuple[str, ...] = get_args(DimensionName)
LEVELS = (2, 4, 6, 8)
BOXES_MAX = 6
EDGE = ("cdn", "gateway", "load balancer")
ROW, GAP = 50, 36
KINDS = {
    "postgresql": "PostgreSQL", "mysql": "MySQL", "redis": "Redis", "s3": "Object storage",
    "mongodb": "MongoDB", "sqs": "Queue", "memcached": "Memcached", "llm": "Language model",
    "smtp": "Mail", "kafka": "Kafka", "rabbitmq": "RabbitMQ", "elasticsearch": "Elasticsearch",
}  # fmt: skip
INNER = ("compute", "plan", "database", "cache", "object storage", "queue", "search", *EDGE)


def matrix(plan: Plan) -> Chart | None:
    """Scores of every platform in the fifteen dimensions, dark is better."""
    labels = platform_labels(plan)
    rows, order = [], []
    for verdict in in_order(plan):
        item = shown(verdict)
        if item is None or not item.dimensions:
            continue
        name = labels[verdict.platform] + ("" if verdict.best else f" {TIMES}")
        order.append(name)
        for one in item.dimensions:
            rows.append(
                {
                    "platform": name,
                    "dimension": one.name,
                    "score": one.score,
                    "said": "?" if one.score is None else f"{one.score:.3g}",
                    "because": label(one.because, 300),
                }
            )
    if not rows:
        return None
    best = max(order, key=lambda name: _mean(rows, name))
    return Chart(
        title="Fifteen dimensions, 0 to 10",
        description=f"{count(len(order), 'platform')}; the highest mean has {best}",
        spec=_matrix(rows, order),
    )


def _mean(rows: list[dict[str, Any]], name: str) -> float:
    known = [r["score"] for r in rows if r["platform"] == name and r["score"] is not None]
    return sum(known) / len(known) if known else 0.0


def _matrix(rows: list[Spec], order: list[str]) -> Spec:
    x = {
        "field": "dimension", "type": "nominal", "sort": list(DIMENSIONS),
        "axis": {"title": None, "orient": "top", "labelAngle": -50, "grid": False,
                 "labelColor": token("soft"), "labelLimit": 120, "labelPadding": 5},
    }  # fmt: skip
    y = {"field": "platform", "type": "nominal", "sort": order, "axis": names_axis(170)}
    tips = [
        {"field": "platform", "title": "Platform"},
        {"field": "dimension", "title": "Dimension"},
        {"field": "said", "title": "Score"},
        {"field": "because", "title": "Because"},
    ]
    known = [row for row in rows if row["score"] is not None]
    unknown = [row for row in rows if row["score"] is None]
    blank: Spec = {
        "data": {"values": unknown},
        "mark": {"type": "rect", "color": token("paper"), "stroke": token("grid")},
    }
    query: Spec = {
        "data": {"values": unknown},
        "mark": {"type": "text", "fontSize": 10.5, "color": token("muted"), "text": "?"},
    }
    levels = {"type": "threshold", "domain": list(LEVELS)}
    return spec(
        {
            "data": {"values": known},
            "encoding": {"x": x, "y": y, "tooltip": tips},
            "layer": [
                *([blank, query] if unknown else []),
                {
                    "mark": {"type": "rect", "stroke": token("paper"), "strokeWidth": 1.5},
                    "encoding": {
                        "color": {
                            "field": "score", "type": "quantitative", "legend": None,
                            "scale": {**levels, "range": [token(f"h{at}") for at in range(5)]},
                        }
                    },
                },
                {
                    "mark": {"type": "text", "fontSize": 10.5},
                    "encoding": {
                        "text": {"field": "said"},
                        "color": {
                            "field": "score", "type": "quantitative", "legend": None,
                            "scale": {"type": "threshold", "domain": [LEVELS[2]],
                                      "range": [token("ink"), token("hot")]},
                        },
                    },
                },
            ],
            "resolve": {"scale": {"color": "independent"}},
        },
        {"step": 25},
    )  # fmt: skip


def architecture(workload: Workload, plan: Plan) -> Chart | None:
    """Users, the way in, the replicas and the data services of the chosen design, as boxes."""
    if plan.chosen is None:
        return None
    chosen, boxes, frames = plan.chosen, [], []
    top = 0.0
    traffic = plan.demand.traffic
    users = f"{number(traffic.requests_per_day)} requests a day"
    users += f", {number(traffic.peak_rps)} a second in the busiest hour"
    boxes.append(_box("Users", users, 22, 78, top, "out"))
    top += ROW + GAP
    way_in = _edges(chosen)
    if way_in:
        boxes.append(_box(way_in[0], way_in[1], 22, 78, top, "edge"))
        top += ROW + GAP
    frames.append({"x0": 0, "x1": 100, "y0": top, "y1": top + ROW + 62,
                   "label": _where(plan, chosen)})  # fmt: skip
    boxes += _replicas(chosen, top + 46)
    top += ROW + 62 + GAP
    below = _services(workload, chosen)
    if below:
        step = 100 / len(below)
        for at, (name, detail, kind) in enumerate(below):
            boxes.append(_box(name, detail, at * step + 1, (at + 1) * step - 1, top, kind))
        top += ROW + GAP
    around = [c for c in dict.fromkeys(line.component for line in chosen.bill.lines)
              if c not in INNER]  # fmt: skip
    if around:
        boxes.append(_box("Around it", joined(around[:9]), 1, 99, top, "quiet"))
        top += ROW
    else:
        top -= GAP
    arrows = _arrows(boxes, frames[0])
    said = "; ".join(f"{one['label']}: {one['detail']}" for one in boxes if one["detail"])
    return Chart(
        title="The chosen design", description=said, spec=_drawn(boxes, frames, arrows, top)
    )


def _where(plan: Plan, chosen: Assessment) -> str:
    design = chosen.design
    text = f"{platform_name(plan, design.platform)}, {design.region}: {replicas(design)} of "
    text += f"{number(design.vcpu)} vCPU, {memory(design.memory_mib)}"
    return label(text, 110)


def _box(name: str, detail: str, left: float, right: float, top: float, kind: str) -> Spec:
    return {
        "label": label(name, 40), "detail": label(detail, 100), "x0": left, "x1": right,
        "y0": top, "y1": top + ROW, "kind": kind, "x": (left + right) / 2,
    }  # fmt: skip


def _edges(chosen: Assessment) -> tuple[str, str] | None:
    found = [line for line in chosen.bill.lines if line.component in EDGE]
    if not found:
        return None
    parts = [part for part in EDGE if any(line.component == part for line in found)]
    named = dict.fromkeys(line.sku for line in found)
    return joined(parts).capitalize(), next(iter(named))


def _replicas(chosen: Assessment, top: float) -> list[Spec]:
    design = chosen.design
    shown_boxes = max(1, min(design.replicas_max, BOXES_MAX))
    step = 96 / shown_boxes
    made = []
    for at in range(shown_boxes):
        name = f"replica {at + 1}"
        if at == BOXES_MAX - 1 and design.replicas_max > BOXES_MAX:
            name = f"to {design.replicas_max:,}"
        kind = "run" if at < design.replicas_min else "spare"
        said = "always on" if kind == "run" else "at peaks"
        made.append(_box(name, said, 2 + at * step + 0.7, 2 + (at + 1) * step - 0.7, top, kind))
    return made


def _services(workload: Workload, chosen: Assessment) -> list[tuple[str, str, str]]:
    found = []
    for part in chosen.design.beside[:2]:
        found.append((f"{part.kind} {part.component}", f"{part.replicas} of {part.size}", "data"))
    held = [one for one in chosen.design.attached if one.kind != "llm"]
    for one in held[:4]:
        standby = one.options.get("deployment") == "multi-az"
        storage = one.options.get("storage_gib")
        parts = [one.size, f"{storage} GiB" if storage else "", "standby" if standby else ""]
        detail = ", ".join(part for part in parts if part)
        found.append((KINDS.get(one.kind, one.kind), detail, "data"))
    kinds = {one.kind for one in held}
    outside = {
        (service.provider or KINDS[service.kind]): service.kind
        for component in workload.components
        for service in component.services
        if service.kind in ("llm", "smtp") and service.kind not in kinds
    }
    found += [(name, "outside the platform", "out") for name in list(outside)[:2]]
    return found


def _arrows(boxes: list[Spec], frame: Spec) -> list[Spec]:
    """From the middle of what is above the replicas, and from their frame to each service."""
    above = [one for one in boxes if one["y1"] <= frame["y0"]]
    made = []
    for at, one in enumerate(above):
        end = above[at + 1]["y0"] if at + 1 < len(above) else frame["y0"]
        made.append({"x": one["x"], "from": one["y1"] + 2, "to": end - 3})
    below = [one for one in boxes if one["y0"] >= frame["y1"] and one["kind"] != "quiet"]
    made += [{"x": one["x"], "from": frame["y1"] + 2, "to": one["y0"] - 3} for one in below]
    return made


def _drawn(boxes: list[Spec], frames: list[Spec], arrows: list[Spec], high: float) -> Spec:
    across = {"domain": [0, 100], "nice": False, "zero": False}
    down = {"domain": [0, high], "nice": False, "zero": False, "reverse": True}

    def x(field: str) -> Spec:
        return {"field": field, "type": "quantitative", "scale": across, "axis": None}

    def y(field: str) -> Spec:
        return {"field": field, "type": "quantitative", "scale": down, "axis": None}

    kinds = {"out": "faint", "edge": "h1", "run": "h2", "spare": "paper", "data": "h1",
             "quiet": "faint"}  # fmt: skip
    fill = {
        "field": "kind", "type": "nominal", "legend": None,
        "scale": {"domain": list(kinds), "range": [token(kinds[kind]) for kind in kinds]},
    }  # fmt: skip
    area = {"x": x("x0"), "x2": {"field": "x1"}, "y": y("y0"), "y2": {"field": "y1"}}
    limit = {"expr": "width * (datum.x1 - datum.x0) / 100 - 12"}
    tips = [{"field": "label", "title": "Part"}, {"field": "detail", "title": "What"}]
    rect = {"type": "rect", "cornerRadius": 7, "stroke": token("accent"), "strokeWidth": 1}
    middle = {"x": x("x"), "y": y("y0")}
    return spec(
        {
            "layer": [
                {"data": {"values": frames},
                 "mark": {"type": "rect", "cornerRadius": 10, "filled": False,
                          "stroke": token("muted"), "strokeDash": [4, 3]},
                 "encoding": area},
                {"data": {"values": frames},
                 "mark": {"type": "text", "align": "left", "dx": 13, "dy": 23, "limit": limit,
                          "color": token("soft")},
                 "encoding": {"x": x("x0"), "y": y("y0"), "text": {"field": "label"}}},
                {"data": {"values": arrows},
                 "mark": {"type": "rule", "color": token("muted"), "strokeWidth": 1.3},
                 "encoding": {"x": x("x"), "y": y("from"), "y2": {"field": "to"}}},
                {"data": {"values": arrows},
                 "mark": {"type": "point", "shape": "triangle-down", "filled": True, "size": 55,
                          "color": token("muted"), "opacity": 1},
                 "encoding": {"x": x("x"), "y": y("to")}},
                {"data": {"values": boxes}, "mark": rect,
                 "encoding": {**area, "color": fill, "tooltip": tips}},
                {"data": {"values": boxes},
                 "mark": {"type": "text", "dy": 20, "fontWeight": 600, "limit": limit},
                 "encoding": {**middle, "text": {"field": "label"}, "tooltip": tips}},
                {"data": {"values": boxes},
                 "mark": {"type": "text", "dy": 36, "fontSize": 10.5, "limit": limit,
                          "color": token("soft")},
                 "encoding": {**middle, "text": {"field": "detail"}, "tooltip": tips}},
            ]
        },
        high,
    )  # fmt: skip
