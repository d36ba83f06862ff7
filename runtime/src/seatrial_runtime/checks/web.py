"""Other services: one that answers HTTP, or one that at least takes connections."""

import base64
import http.client

from seatrial_runtime.checks.service import CheckError, Service
from seatrial_runtime.checks.wire import connected


def http_get(service: Service, timeout_s: float) -> str:
    """A GET, answered with a status below 500. Redirects are answers."""
    secure = service.kind == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(service.host, service.port(443 if secure else 80), timeout=timeout_s)
    headers = {"User-Agent": "seatrial-run", "Connection": "close"}
    if service.user:
        login = base64.b64encode(f"{service.user}:{service.password}".encode()).decode()
        headers["Authorization"] = f"Basic {login}"
    after_host = service.url.partition("://")[2].partition("/")
    try:
        connection.request("GET", "/" + after_host[2].partition("#")[0], headers=headers)
        status = connection.getresponse().status
    except http.client.HTTPException as error:
        raise CheckError(f"it does not speak HTTP: {type(error).__name__}") from None
    finally:
        connection.close()
    if status >= 500:
        raise CheckError(f"it answers {status}")
    return ""


def tcp(service: Service, timeout_s: float) -> str:
    """Something takes connections there."""
    if not service.port_text:
        raise CheckError("its URL names no port")
    with connected(service.host or "localhost", service.port(0), timeout_s):
        return "it takes connections; what it speaks is not asked"
