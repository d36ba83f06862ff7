"""Plays the public price lists back on a real socket, well and badly.

The forms are those of the published files: for AWS the CSV that `using-the-aws-price-list-bulk-api`
describes, for Azure and Google the pages of their documented REST APIs.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

VERSION = "20260911124425"
PUBLISHED = "2026-11-11T12:44:25Z"
COLUMNS = (
    "SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate",
    "StartingRange", "EndingRange", "Unit", "PricePerUnit", "Currency", "LeaseContractLength",
    "PurchaseOption", "OfferingClass", "Product Family", "serviceCode", "Location",
    "Location Type", "Instance Type", "Tenancy", "Operating System", "License Model", "usageType",
    "operation", "CapacityStatus", "Database Engine", "Deployment Option", "Volume Type",
    "Transfer Type", "Pre Installed S/W", "Region Code", "serviceName",
)  # fmt: skip


@dataclass
class Answer:
    """What the server says to one request."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None  # Close the connection after so many bytes of the body.
    wait_s: float = 0.0  # Before the first byte of the body, and then a byte at a time.
    chunked: bool = False  # Broken off in the middle of a chunk.


Route = Callable[[str, dict[str, list[str]], Any], Answer | None]


class Lists:
    """A running server; `routes` are asked in turn, and `asked` counts the paths."""

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.asked: Counter[str] = Counter()
        self.queries: list[dict[str, list[str]]] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()
        lists = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                lists.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                pass  # A client that hangs up in the middle is what some tests are about.

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        query = parse_qs(parts.query)
        self.asked[parts.path] += 1
        self.queries.append(query)
        self.headers.append(dict(handler.headers))
        made: Answer | None = None
        for route in self.routes:
            made = route(parts.path, query, self)
            if made is not None:
                break
        made = made or Answer(b"not here", 404)
        try:
            self.send(handler, made)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True

    def send(self, handler: BaseHTTPRequestHandler, made: Answer) -> None:
        handler.send_response(made.status)
        for name, value in made.headers.items():
            handler.send_header(name, value)
        if made.chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        else:
            handler.send_header("Content-Length", str(len(made.body)))
        handler.end_headers()
        if made.chunked:
            handler.wfile.write(b"%x\r\n" % len(made.body) + made.body[: len(made.body) // 2])
            handler.close_connection = True
            return
        if made.wait_s:
            for byte in made.body:
                if self.closing.wait(made.wait_s):
                    return
                handler.wfile.write(bytes([byte]))
            return
        handler.wfile.write(made.body if made.cut_after is None else made.body[: made.cut_after])
        if made.cut_after is not None:
            handler.close_connection = True


@contextmanager
def served() -> Iterator[Lists]:
    """A server for as long as the block runs."""
    lists = Lists()
    thread = threading.Thread(target=lists.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield lists
    finally:
        lists.closing.set()
        lists.server.shutdown()
        lists.server.server_close()
        thread.join(5)


# ------------------------------------------------------------------------------------------ AWS


def row(usage: str, price: str, unit: str, sku: str = "", **more: str) -> dict[str, str]:
    """One row of an AWS list."""
    sku = sku or ("SKU" + usage.upper().replace("-", "").replace(":", "").replace(".", ""))[:16]
    return {
        "SKU": sku, "OfferTermCode": "JRTCKXETXF", "RateCode": f"{sku}.JRTCKXETXF.6YS6EN2CT7",
        "TermType": "OnDemand", "PriceDescription": f"${price} per {unit}, {usage}",
        "EffectiveDate": "2026-09-01", "StartingRange": "0", "EndingRange": "Inf", "Unit": unit,
        "PricePerUnit": price, "Currency": "USD", "Location Type": "AWS Region",
        "usageType": usage, **more,
    }  # fmt: skip


def aws_csv(
    offer: str, region: str, rows: Iterable[dict[str, str]], columns: tuple[str, ...] = COLUMNS
) -> bytes:
    """A regional list of one offer."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(("FormatVersion", "v1.0"))
    writer.writerow(("Disclaimer", "This pricing list is for informational purposes only."))
    writer.writerow(("Publication Date", PUBLISHED))
    writer.writerow(("Version", VERSION))
    writer.writerow(("OfferCode", offer))
    writer.writerow(columns)
    for one in rows:
        full = {"serviceCode": offer, "Region Code": region, **one}
        writer.writerow([full.get(column, "") for column in columns])
    return text.getvalue().encode()


class Aws:
    """The AWS lists: every offer has an index and, in two regions, what rows were given."""

    def __init__(self, lists: Lists) -> None:
        self.rows: dict[tuple[str, str], list[dict[str, str]]] = {}
        self.faults: dict[str, list[Answer | Callable[[bytes], Answer]]] = {}
        lists.routes.append(self.route)

    def put(self, offer: str, *rows: dict[str, str], region: str = "us-east-1") -> None:
        self.rows.setdefault((offer, region), []).extend(rows)

    def route(self, path: str, _: dict[str, list[str]], __: Any) -> Answer | None:
        parts = path.strip("/").split("/")
        if parts[:3] != ["offers", "v1.0", "aws"]:
            return None
        offer = parts[3]
        base = f"/offers/v1.0/aws/{offer}/{VERSION}"
        if parts[4:] == ["current", "region_index.json"]:
            body = {
                "formatVersion": "v1.0", "publicationDate": PUBLISHED, "regions": {
                    region: {
                        "regionCode": region,
                        "currentVersionUrl": f"{base}/{region}/index.json",
                    } for region in ("us-east-1", "eu-west-1")
                },
            }  # fmt: skip
            made = json.dumps(body).encode()
        else:
            made = aws_csv(offer, parts[5], self.rows.get((offer, parts[5]), []))
        waiting = self.faults.get(path) or self.faults.get(f"{offer} {parts[5]}")
        if waiting:
            fault = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return fault(made) if callable(fault) else fault
        return Answer(made)


def reserved(usage: str, years: int, payment: str, hour: str, fee: str, **more: str) -> list[Any]:
    """The rows of one reservation: by the hour, and upfront."""
    terms = {
        "TermType": "Reserved", "LeaseContractLength": f"{years}yr", "PurchaseOption": payment,
        "OfferingClass": "standard", "OfferTermCode": f"{years}{payment[:2]}".upper(), **more,
    }  # fmt: skip
    rows = [row(usage, hour, "Hrs", **terms)]
    if fee:
        upfront = row(usage, fee, "Quantity", **terms)
        rows.append({**upfront, "StartingRange": "", "EndingRange": ""})
    return rows


LINUX = {
    "Product Family": "Compute Instance", "Tenancy": "Shared", "Operating System": "Linux",
    "License Model": "No License required", "CapacityStatus": "Used", "Pre Installed S/W": "NA",
    "operation": "RunInstances",
}  # fmt: skip


def fargate(price: str = "0.0404800000", prefix: str = "USE1-") -> list[dict[str, str]]:
    """The two rows of Fargate on x86."""
    return [
        row(f"{prefix}Fargate-vCPU-Hours:perCPU", price, "hours"),
        row(f"{prefix}Fargate-GB-Hours", "0.0044450000", "hours"),
    ]


# ---------------------------------------------------------------------------------------- Azure


def meter(name: str, price: float, unit: str, **more: Any) -> dict[str, Any]:
    """One item of the Azure list."""
    return {
        "currencyCode": "USD", "tierMinimumUnits": 0.0, "retailPrice": price, "unitPrice": price,
        "armRegionName": "eastus", "location": "US East",
        "effectiveStartDate": "2022-06-01T00:00:00Z", "meterId": f"id of {name}",
        "meterName": name, "productId": "DZH318Z0BZ27", "skuId": "DZH318Z0BZ27/0001",
        "productName": "Azure Container Apps", "skuName": "Standard",
        "serviceName": "Azure Container Apps", "serviceId": "DZH3130FXX30",
        "serviceFamily": "Containers", "unitOfMeasure": unit, "type": "Consumption",
        "isPrimaryMeterRegion": True, "armSkuName": "", **more,
    }  # fmt: skip


def azure(lists: Lists, items: list[dict[str, Any]], page: int = 2) -> None:
    """Play items back in pages; the filter's terms are kept to, as the API does."""

    def route(path: str, query: dict[str, list[str]], _: Any) -> Answer | None:
        if path != "/api/retail/prices":
            return None
        chosen = [item for item in items if _filtered(item, query["$filter"][0])]
        skip = int(query.get("$skip", ["0"])[0])
        more = skip + page < len(chosen)
        link = f"{lists.url}/api/retail/prices?$filter={query['$filter'][0]}&$skip={skip + page}"
        body = {
            "BillingCurrency": "USD", "CustomerEntityId": "Default",
            "CustomerEntityType": "Retail", "Items": chosen[skip : skip + page],
            "NextPageLink": link.replace(" ", "%20") if more else None, "Count": page,
        }  # fmt: skip
        return Answer(json.dumps(body).encode())

    lists.routes.append(route)


def _filtered(item: dict[str, Any], text: str) -> bool:
    for term in text.split(" and "):
        name, _, value = term.partition(" eq ")
        if item[name] != value.strip("'").replace("''", "'"):
            return False
    return True


# --------------------------------------------------------------------------------------- Google


def sku(
    description: str, nanos: int, unit: str, *, units: str = "0", regions: Iterable[str] = (),
    rates: list[dict[str, Any]] | None = None, sku_id: str = "", **category: str,
) -> dict[str, Any]:  # fmt: skip
    """One SKU of the Google list."""
    rate = {
        "startUsageAmount": 0,
        "unitPrice": {"currencyCode": "USD", "units": units, "nanos": nanos},
    }
    sku_id = sku_id or f"ID-{abs(hash(description)) % 10**8:08d}"
    return {
        "name": f"services/152E-C115-5142/skus/{sku_id}", "skuId": sku_id,
        "description": description,
        "category": {
            "serviceDisplayName": "Cloud Run", "resourceFamily": "ApplicationServices",
            "resourceGroup": "Compute", "usageType": "OnDemand", **category,
        },
        "serviceRegions": list(regions) or ["us-central1"],
        "pricingInfo": [{
            "summary": "",
            "pricingExpression": {
                "usageUnit": unit, "usageUnitDescription": unit, "baseUnit": "s",
                "baseUnitDescription": "second", "baseUnitConversionFactor": 1,
                "displayQuantity": 1000, "tieredRates": rates or [rate],
            },
            "currencyConversionRate": 1, "effectiveTime": "2026-11-20T23:12:27.118Z",
        }],
        "serviceProviderName": "Google",
        "geoTaxonomy": {"type": "REGIONAL", "regions": list(regions) or ["us-central1"]},
    }  # fmt: skip


def google(lists: Lists, skus: dict[str, list[dict[str, Any]]], page: int = 2) -> None:
    """Play each service's SKUs back in pages."""

    def route(path: str, query: dict[str, list[str]], _: Any) -> Answer | None:
        parts = path.strip("/").split("/")
        if parts[:2] != ["v1", "services"] or parts[3:] != ["skus"]:
            return None
        all_of_it = skus.get(parts[2], [])
        start = int(query.get("pageToken", ["0"])[0])
        token = str(start + page) if start + page < len(all_of_it) else ""
        body = {"skus": all_of_it[start : start + page], "nextPageToken": token}
        return Answer(json.dumps(body).encode())

    lists.routes.append(route)


def zipped(body: bytes, keep: int | None = None) -> Answer:
    """The body as gzip, cut short without saying so."""
    packed = gzip.compress(body)
    return Answer(packed[:keep], headers={"Content-Encoding": "gzip"})


def until(condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
    """Wait for something that happens in another process."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
