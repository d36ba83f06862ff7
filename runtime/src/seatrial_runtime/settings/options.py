"""Every option of `seatrial-run`: its flag, its environment variable, its check and default."""

from collections.abc import Callable
from dataclasses import dataclass, field

from seatrial_runtime.settings import parsers
from seatrial_runtime.supervisor.address import parse_address

ENVIRONMENTS = ("development", "staging", "production")
APPS = ("web", "streamlit", "gradio")
"""The subcommands whose app is served by a server of ours."""
HTTP = (*APPS, "command")


@dataclass(frozen=True)
class Option:
    """One option. `parse` raises ValueError with the words that follow the quoted value.

    `only` names the subcommands that have it, all when empty; `by_environment` its defaults where
    they differ from `default`; a `secret` one is masked wherever it is shown.
    """

    name: str
    metavar: str
    default: str
    help: str
    parse: Callable[[str], object]
    only: tuple[str, ...] = ()
    by_environment: dict[str, str] = field(default_factory=dict)
    secret: bool = False

    @property
    def flag(self) -> str:
        """The option on the command line."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The option in the environment."""
        return "SEATRIAL_" + self.name.upper()


_ADDRESS = "HOST:PORT|unix:PATH"

START = (
    Option(
        "environment",
        "|".join(ENVIRONMENTS),
        "development",
        "which defaults hold, and which tables of the configuration file",
        parsers.one_of(*ENVIRONMENTS),
    ),
    Option(
        "interface",
        "auto|wsgi|asgi",
        "auto",
        "what MODULE:ATTR is; auto looks at the app itself",
        parsers.one_of("auto", "wsgi", "asgi"),
        only=("web",),
    ),
    Option(
        "factory",
        "",
        "false",
        "MODULE:ATTR is a function that returns the app",
        parsers.switch,
        only=("web",),
    ),
    Option(
        "cwd",
        "DIR",
        ".",
        "folder the program is started in",
        parsers.directory,
        only=("command", "worker"),
    ),
    Option(
        "port_env", "NAME,..", "", "variables that tell the port", parsers.names, only=("command",)
    ),
    Option("bind", _ADDRESS, "127.0.0.1:8000", "where the app is served", parse_address, only=HTTP),
    Option("management", _ADDRESS, "127.0.0.1:9090", "where the probes answer", parse_address),
    Option(
        "app_dir",
        "DIR",
        ".",
        "import path of the app, and for an app object its working folder",
        parsers.directory,
    ),
    Option(
        "secrets",
        "files:/DIR|aws:NAME|azure:https://VAULT|gcp:projects/P",
        "",
        "where the app's secrets come from",
        parsers.secrets_source,
    ),
)

PROCESSES = (
    Option(
        "workers",
        "N|auto",
        "auto",
        "worker processes; auto goes by the memory and the processors that the cgroup allows",
        parsers.whole_or_auto(1, 512),
        only=("web",),
    ),
    Option(
        "threads",
        "N",
        "8",
        "threads in each worker of a WSGI app",
        parsers.whole(1, 1024),
        only=("web",),
    ),
    Option(
        "worker_memory",
        "SIZE",
        "256MiB",
        "what one worker is reckoned to need, for `--workers auto`",
        parsers.size,
        only=("web",),
    ),
    Option(
        "max_worker_memory",
        "SIZE",
        "0",
        "a process above it is replaced between requests, Celery's between tasks; 0: its share of "
        "the cgroup's memory, of Celery's none",
        parsers.size,
        only=(*APPS, "worker"),
    ),
    Option(
        "stuck_s",
        "S",
        "30",
        "a worker that gives no sign for so long, or holds a timed-out request, is replaced",
        parsers.seconds(1, 86400),
        only=APPS,
    ),
    Option(
        "keep_alive_s",
        "S",
        # Load balancers keep idle connections for 60 s; the side that closes first loses requests.
        "75",
        "how long an idle connection is kept; longer than the load balancer does",
        parsers.whole(1, 86400),
        only=APPS,
    ),
    Option(
        "start_timeout_s",
        "S",
        "120",
        "exit 1 when not ready by then",
        parsers.seconds(0.1, 86400),
    ),
)

PROBES = (
    Option(
        "ready_path",
        "PATH",
        "/",
        "the app's own endpoint: it has to answer with a status below 500",
        parsers.path,
        only=HTTP,
    ),
    Option(
        "checks",
        "NAME=URL,..|auto|none",
        "auto",
        "what /ready asks besides; auto: DATABASE_URL, REDIS_URL, CELERY_BROKER_URL and their "
        "like; for a URL may stand the variable that has it",
        parsers.checks,
        secret=True,
    ),
    Option(
        "check_timeout_s",
        "S",
        "1",
        "for each of these checks",
        parsers.seconds(0.05, 60),
    ),
)

STOPPING = (
    Option(
        "drain_delay_s",
        "S",
        "0",
        "on SIGTERM, keep serving this long with /ready at 503",
        parsers.seconds(0, 3600),
    ),
    Option(
        "graceful_timeout_s",
        "S",
        "30",
        "longest wait for requests in flight, or for a worker's tasks, when stopping",
        parsers.whole(1, 3600),
    ),
    Option(
        "stream_timeout_s",
        "S",
        "10",
        "longest wait for streams and websockets when stopping",
        parsers.seconds(0, 3600),
        only=APPS,
    ),
)

LIMITS = (
    Option(
        "rate_limit",
        "N/PERIOD|none",
        "none",
        "requests of one client address; the period is s, min, h, day or like 10s",
        parsers.rate,
        only=APPS,
        by_environment={"staging": "100/min", "production": "60/min"},
    ),
    Option(
        "rate_limit_user",
        "N/PERIOD|none",
        "none",
        "requests of one user, told by --user-header; it replaces the limit of the address",
        parsers.rate,
        only=APPS,
        by_environment={"staging": "100/min", "production": "60/min"},
    ),
    Option(
        "user_header",
        "NAME",
        "",
        "header that names the user or holds the API key; only its hash is kept",
        parsers.header,
        only=APPS,
    ),
    Option(
        "rate_limit_store",
        "memory|redis://..",
        "memory",
        "where the buckets are: memory is right across workers, Redis across replicas",
        parsers.store,
        only=APPS,
        secret=True,
    ),
    Option(
        "rate_limit_exempt",
        "PATH,..",
        "/static/,/assets/,/favicon.ico",
        "beginnings of paths that no rate limit counts",
        parsers.paths,
        only=APPS,
    ),
    Option(
        "trusted_proxies",
        "CIDR,..",
        "127.0.0.0/8,::1/128",
        "proxies whose X-Forwarded-For and X-Forwarded-Proto are believed",
        parsers.networks,
        only=APPS,
    ),
    Option(
        "allowed_hosts",
        "HOST,..",
        "*",
        "host names that are answered; *.example.org is every name below",
        parsers.hosts,
        only=APPS,
    ),
    Option(
        "max_body",
        "SIZE",
        "32MiB",
        "largest request body; 0 is no limit",
        parsers.size,
        only=APPS,
    ),
    Option(
        "max_header",
        "SIZE",
        "16KiB",
        "largest request head, all headers together",
        parsers.size,
        only=APPS,
    ),
    Option(
        "upload_types",
        "TYPE,..",
        "",
        "media types that may be uploaded, like application/pdf,image/*; empty is any",
        parsers.media_types,
        only=APPS,
    ),
    Option(
        "request_timeout_s",
        "S",
        "60",
        "longest time to the first byte of an answer; 0 is no limit",
        parsers.seconds(0, 86400),
        only=APPS,
    ),
    Option(
        "request_timeouts",
        "PATH=S,..",
        "",
        "the same for paths that begin so, like /export=120",
        parsers.path_seconds,
        only=APPS,
    ),
    Option(
        "task_timeout_s",
        "S",
        "0",
        "longest time of a task of Celery's, whose process is then replaced; 0 is no limit",
        parsers.seconds(0, 86400),
        only=("worker",),
    ),
    Option(
        "security_headers",
        "true|false",
        "true",
        "add the headers that browsers heed, where the app has not set them",
        parsers.switch,
        only=APPS,
    ),
    Option(
        "content_security_policy",
        "POLICY",
        "default-src 'self'",
        "sent as report-only; the app's own header is left alone",
        str,
        only=APPS,
    ),
)

TELLING = (
    Option(
        "log_level",
        "LEVEL",
        "DEBUG",
        "of the app's own logging; SIGHUP reads it anew",
        parsers.upper_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        by_environment={"staging": "INFO", "production": "WARNING"},
    ),
    Option(
        "request_log",
        "true|false",
        "true",
        "write one line for each request",
        parsers.switch,
        only=APPS,
    ),
)

OPTIONS = (*START, *PROCESSES, *PROBES, *STOPPING, *LIMITS, *TELLING)
