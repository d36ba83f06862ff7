"""The proxy's configuration as values: nothing here touches a file, a process or the network.

Settings that are not obvious carry the failure they prevent. The figures are from the project's
proxy measurements of 2026-11-21 (Envoy 1.40.0) unless another source is named.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from seatrial.kernel.values import Value

CLUSTER = "app"
MAX_BODY_BYTES = 10 << 20
REQUEST_TIMEOUT_S = 60
_TYPE = "type.googleapis.com/envoy."
_IDEMPOTENT = "GET|HEAD|OPTIONS"

# Headers by which a client could pass itself off as the proxy, or change what the app believes
# of its own address. Envoy replaces x-forwarded-proto itself.
# `proxy`: CGI turns it into HTTP_PROXY (CVE-2016-5385).
_UNTRUSTED_HEADERS = (
    "forwarded",
    "proxy",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-server",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
)

_FORWARDED = {
    "header": {
        "key": "x-forwarded-for",
        "value": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
    },
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}

_COOKIE = {"name": "seatrial_replica", "ttl": "86400s", "path": "/"}

_ACCESS_LOG = {
    "time": "%START_TIME%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "method": "%REQ(:METHOD)%",
    # Without the query string: tokens and personal data travel there.
    "path": "%PATH(NQ:PATH)%",
    "protocol": "%PROTOCOL%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "detail": "%RESPONSE_CODE_DETAILS%",
    "duration_ms": "%DURATION%",
    "upstream_ms": "%RESPONSE_DURATION%",
    "upstream": "%UPSTREAM_HOST%",
    "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    "received_bytes": "%BYTES_RECEIVED%",
    "sent_bytes": "%BYTES_SENT%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "user_agent": "%REQ(USER-AGENT)%",
}


class Endpoint(Value):
    """One replica: where it serves, and where its probes answer."""

    port: int
    management_port: int


def endpoints(replicas: tuple[Endpoint, ...]) -> bytes:
    """The discovery file that the proxy reads again whenever it is replaced by a rename."""
    hosts = [
        {
            "endpoint": {
                "address": _address(replica.port),
                "health_check_config": {"port_value": replica.management_port},
            }
        }
        for replica in replicas
    ]
    assignment = {
        "@type": _TYPE + "config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": CLUSTER,
        "endpoints": [{"lb_endpoints": hosts}],
    }
    return _to_bytes({"resources": [assignment]})


def bootstrap(
    *,
    port: int,
    admin: Path,
    endpoints_file: Path,
    access_log: Path,
    name: str,
    sticky: bool = False,
) -> bytes:
    """The whole static configuration: one listener on loopback, one cluster of replicas.

    `sticky` leads a browser back to its replica by a cookie, as long as that one is healthy.
    Administration is on a UNIX socket that only its owner can open, never on TCP.
    """
    return _to_bytes(
        {
            "node": {"id": name, "cluster": CLUSTER},
            "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
            "static_resources": {
                "listeners": [_listener(port, access_log, sticky)],
                "clusters": [_cluster(endpoints_file, sticky)],
            },
            "overload_manager": {
                "resource_monitors": [
                    {
                        "name": "envoy.resource_monitors.global_downstream_max_connections",
                        "typed_config": {
                            "@type": _TYPE + "extensions.resource_monitors."
                            "downstream_connections.v3.DownstreamConnectionsConfig",
                            "max_active_downstream_connections": 10_000,
                        },
                    }
                ]
            },
        }
    )


def _listener(port: int, access_log: Path, sticky: bool) -> dict[str, Any]:
    return {
        "name": "ingress",
        "address": _address(port),
        # With SO_REUSEPORT a second proxy could bind beside this one and take half the traffic.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 1 << 20,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(access_log, sticky),
                    }
                ]
            }
        ],
    }


def _connection_manager(access_log: Path, sticky: bool) -> dict[str, Any]:
    kind = _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    router = _filter("router", "router.v3.Router", suppress_envoy_headers=True)
    body_limit = _filter("buffer", "buffer.v3.Buffer", max_request_bytes=MAX_BODY_BYTES)
    return {
        "@type": kind,
        "stat_prefix": "ingress",
        "route_config": {
            "name": "ingress",
            "request_headers_to_remove": list(_UNTRUSTED_HEADERS),
            "request_headers_to_add": [_FORWARDED],
            "virtual_hosts": [{"name": CLUSTER, "domains": ["*"], "routes": _routes(sticky)}],
        },
        "http_filters": [body_limit, router],
        # The body limit reads a request to its end first, which an upgraded one does not have.
        "upgrade_configs": [{"upgrade_type": "websocket", "filters": [router]}],
        "access_log": [
            {
                "name": "envoy.access_loggers.file",
                "typed_config": {
                    "@type": _TYPE + "extensions.access_loggers.file.v3.FileAccessLog",
                    "path": str(access_log),
                    "log_format": {"json_format": _ACCESS_LOG},
                },
            }
        ],
        "use_remote_address": True,
        # Nobody is trusted to set x-envoy-* headers (timeouts, retries). An empty list would
        # mean Envoy's own, which has loopback in it; no client comes from 0.0.0.0.
        "internal_address_config": {
            "cidr_ranges": [{"address_prefix": "0.0.0.0", "prefix_len": 32}]
        },
        # For a client on loopback Envoy would append the machine's outer address; `_FORWARDED`
        # sets the real one, in place of whatever the client claims.
        "skip_xff_append": True,
        "generate_request_id": True,
        "always_set_request_id_in_response": True,
        "server_header_transformation": "PASS_THROUGH",
        "normalize_path": True,
        "common_http_protocol_options": {
            "idle_timeout": "75s",
            # WSGI cannot tell X_Forwarded_For from X-Forwarded-For.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "request_headers_timeout": "10s",
        "request_timeout": f"{REQUEST_TIMEOUT_S}s",
        "stream_idle_timeout": "300s",
        "delayed_close_timeout": "1s",
    }


def _routes(sticky: bool) -> list[dict[str, Any]]:
    """Reading requests are tried again whatever cut them off, others only when never sent."""
    unsent = "connect-failure,refused-stream,reset-before-request"
    method = {"string_match": {"safe_regex": {"regex": _IDEMPOTENT}}, "name": ":method"}
    return [
        {"match": {"prefix": "/", "headers": [method]}, "route": _route(f"{unsent},reset", sticky)},
        {"match": {"prefix": "/"}, "route": _route(unsent, sticky)},
    ]


def _route(retry_on: str, sticky: bool) -> dict[str, Any]:
    return {
        "cluster": CLUSTER,
        **({"hash_policy": [{"cookie": _COOKIE}]} if sticky else {}),
        "timeout": f"{REQUEST_TIMEOUT_S}s",
        "retry_policy": {
            "retry_on": retry_on,
            "num_retries": 4,
            "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
            # Without this a retry may go to the same dead replica again.
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": _TYPE
                        + "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                    },
                }
            ],
            "host_selection_retry_max_attempts": 3,
        },
    }


def _cluster(endpoints_file: Path, sticky: bool) -> dict[str, Any]:
    return {
        "name": CLUSTER,
        "type": "EDS",
        "connect_timeout": "1s",
        # What the planning model assumes of the load balancer.
        "lb_policy": "RING_HASH" if sticky else "ROUND_ROBIN",
        "eds_cluster_config": {
            "eds_config": {
                "resource_api_version": "V3",
                "path_config_source": {
                    "path": str(endpoints_file),
                    "watched_directory": {"path": str(endpoints_file.parent)},
                },
            }
        },
        # Removed replicas kept traffic for 1.3 s without it.
        "ignore_health_on_host_removal": True,
        "common_lb_config": {
            # At 50 %, the default, one dead replica of two gets traffic again.
            "healthy_panic_threshold": {"value": 0},
            # New replicas stayed idle for 1 s without it.
            "update_merge_window": "0s",
        },
        "health_checks": [_health_check()],
        "outlier_detection": _outlier_detection(),
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 4096,
                    "max_pending_requests": 4096,
                    "max_requests": 4096,
                    # The default of 3 retries at once loses requests when a busy replica dies.
                    "retry_budget": {
                        "budget_percent": {"value": 50},
                        "min_retry_concurrency": 64,
                    },
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                # Below the 2 s after which gunicorn closes an idle connection: otherwise a POST
                # may be sent into a connection that is just being closed.
                "common_http_protocol_options": {"idle_timeout": "1s"},
            }
        },
    }


def _health_check() -> dict[str, Any]:
    return {
        "timeout": "2s",
        "interval": "0.5s",
        # The defaults are 60 s as long as there is no traffic.
        "no_traffic_interval": "0.5s",
        "no_traffic_healthy_interval": "0.5s",
        "unhealthy_interval": "0.25s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "reuse_connection": False,
        "http_health_check": {"path": "/ready", "host": CLUSTER},
    }


def _outlier_detection() -> dict[str, Any]:
    """Ejects a replica that cannot be reached; an app's own 5xx ejects nobody.

    The same bug answers 500 on every replica, so counting them would turn one broken page into
    a whole outage.
    """
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 3,
        "enforcing_consecutive_local_origin_failure": 100,
        "enforcing_consecutive_5xx": 0,
        "enforcing_consecutive_gateway_failure": 0,
        "enforcing_success_rate": 0,
        "enforcing_local_origin_success_rate": 0,
        "interval": "1s",
        "base_ejection_time": "1s",
        "max_ejection_time": "5s",
        "max_ejection_percent": 50,
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _filter(name: str, kind: str, **settings: object) -> dict[str, Any]:
    typed = {"@type": f"{_TYPE}extensions.filters.http.{kind}", **settings}
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed}


def _to_bytes(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
