"""[runtime] of seatrial.toml: what is told to `seatrial-run`, which checks the values itself."""

from __future__ import annotations

from seatrial.kernel.values import Value

Given = bool | int | float | str | tuple[str, ...] | dict[str, str | int | float] | None
"""A value as the file may have it; None: not given, so the default of the environment holds."""


class RuntimeTable(Value):
    """Options of `seatrial-run` by their names, and variables of the app, of one environment."""

    interface: Given = None
    factory: Given = None
    cwd: Given = None
    port_env: Given = None
    bind: Given = None
    management: Given = None
    secrets: Given = None
    workers: Given = None
    threads: Given = None
    worker_memory: Given = None
    max_worker_memory: Given = None
    stuck_s: Given = None
    keep_alive_s: Given = None
    start_timeout_s: Given = None
    ready_path: Given = None
    checks: Given = None
    check_timeout_s: Given = None
    drain_delay_s: Given = None
    graceful_timeout_s: Given = None
    stream_timeout_s: Given = None
    rate_limit: Given = None
    rate_limit_user: Given = None
    user_header: Given = None
    rate_limit_store: Given = None
    rate_limit_exempt: Given = None
    trusted_proxies: Given = None
    allowed_hosts: Given = None
    max_body: Given = None
    max_header: Given = None
    upload_types: Given = None
    request_timeout_s: Given = None
    request_timeouts: Given = None
    task_timeout_s: Given = None
    security_headers: Given = None
    content_security_policy: Given = None
    log_level: Given = None
    request_log: Given = None
    env: dict[str, str] = {}


class RuntimeSettings(RuntimeTable):
    """The options of every environment, and over them those of each."""

    environment: Given = None
    development: RuntimeTable = RuntimeTable()
    staging: RuntimeTable = RuntimeTable()
    production: RuntimeTable = RuntimeTable()
