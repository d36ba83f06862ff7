"""What was given to `seatrial price`, understood: the design, its usage, years and users."""

from __future__ import annotations

import difflib
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec.structs import replace

from seatrial.assessor.asked import Asked
from seatrial.assessor.breakeven import Users
from seatrial.assessor.outlook import Term, Work
from seatrial.assessor.usage import Usage
from seatrial.kernel.design import Attached
from seatrial.kernel.errors import InputError

AMOUNT_MAX = Decimal("1e15")

ALIASES = {
    "postgres": "postgresql",
    "pg": "postgresql",
    "valkey": "redis",
    "cache": "redis",
    "s3": "object-storage",
    "storage": "object-storage",
    "dynamodb": "key-value",
    "sqs": "queue",
    "cloudfront": "cdn",
    "route53": "dns",
}
"""What people call a kind of service."""


Given = dict[str, Any]
"""The options by the names of `price`'s parameters."""


def asked(given: Given) -> Asked:
    """The design that is to be priced, and what it is used for."""
    duration_ms = amount(given, "duration_ms")
    return Asked(
        platform=given["platform"],
        region=given["region"],
        vcpu=given["vcpu"],
        memory_gib=given["memory_gib"],
        size=given["size"],
        arch=given["arch"],
        replicas=given["replicas"],
        services=tuple(attached(text) for text in given["services"] or ()),
        commitment=given["commitment"],
        usage=usage(
            given["stated"] or [],
            requests_month=amount(given, "requests_month"),
            request_duration_s_mean=None if duration_ms is None else duration_ms / 1000,
            egress_gib_month=amount(given, "egress_gb_month"),
            log_gib_month=amount(given, "logs_gb_month"),
            free_tier=given["free_tier"] or None,
        ),
        stated=tuple(text.partition("=")[0] for text in given["stated"] or ()),
    )


def term(given: Given) -> Term:
    """How far to look ahead."""
    work = Work(
        usd_hour=amount(given, "ops_usd_hour"),
        setup_hours=amount(given, "ops_hours_setup"),
        month_hours=amount(given, "ops_hours_month"),
    )
    return Term(years=given["years"], growth=above_zero(given, "growth", Decimal(1)), work=work)


def other(given: Given, one: Asked) -> tuple[Asked | None, Users]:
    """The design of --against, with everything else as in `one`, and the users of the curve."""
    name, _, size = given["against"].partition("/")
    few, many = users_range(given["users"])
    duration_ms = amount(given, "duration_ms")
    people = Users(
        requests_day=above_zero(given, "requests_user", Users().requests_day),
        duration_ms=Users().duration_ms if duration_ms is None else duration_ms,
        response_kib=amount(given, "response_kib") or Decimal(0),
        fewest=few,
        most=many,
    )
    if not name:
        return None, people
    return replace(one, platform=name, region=given["against_region"], size=size), people


def attached(text: str) -> Attached:
    """`postgres=db.t4g.small,deployment=multi-az` as a service: kind, size and options."""
    kind, _, rest = text.partition("=")
    kind = kind.strip()
    if not kind:
        raise InputError(
            f"--with {text!r} names no service", fix="write --with redis=cache.t4g.micro"
        )
    size, options = "", {}
    for at, part in enumerate(p.strip() for p in rest.split(",") if p.strip()):
        name, equals, value = part.partition("=")
        if equals:
            options[name.strip()] = value.strip()
        elif at == 0:
            size = part
        else:
            raise InputError(
                f"--with {text!r}: {part!r} is no option", fix="write options as name=value"
            )
    return Attached(kind=ALIASES.get(kind, kind), size=size, options=options)


def usage(stated: list[str], **given: Decimal | bool | None) -> Usage:
    """The month's usage from `--usage name=value` and the options that have a name of their own."""
    # Amounts of services are options of `--with`.
    known = msgspec.structs.fields(Usage)
    fields = [field.name for field in known if field.type in (Decimal, int, bool)]
    values: dict[str, object] = {name: v for name, v in given.items() if v is not None}
    for text in stated:
        name, equals, value = text.partition("=")
        if name not in fields or not equals:
            nearest = difflib.get_close_matches(name, fields, n=1)
            fix = f"did you mean `{nearest[0]}`?" if nearest else f"known are: {', '.join(fields)}"
            raise InputError(f"--usage {text!r}: {name!r} is not known", fix=fix)
        values[name] = value
    try:
        made = msgspec.convert({k: _text(v) for k, v in values.items()}, Usage, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"--usage: {error}", fix="give numbers from 0 up") from error
    for name in fields:
        total = Decimal(getattr(made, name))
        if not total.is_finite() or not 0 <= total <= AMOUNT_MAX:
            raise InputError(f"{name} is below 0 or too large", fix="give a number from 0 up")
    if made.concurrency == 0:
        raise InputError("concurrency is 0", fix="a replica works on one request at least")
    return made


def _text(value: object) -> object:
    return value if isinstance(value, bool) else str(value)


def amount(given: Given, name: str) -> Decimal | None:
    """A number of the command line, exact, none when it was not given."""
    text = given[name]
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not 0 <= number <= AMOUNT_MAX:
        option = "--" + name.replace("_", "-")
        raise InputError(f"{option} {text!r} is not an amount", fix="give a number from 0 up")
    return number


def above_zero(given: Given, name: str, usual: Decimal) -> Decimal:
    """A number of the command line that must not be 0; `usual` when it was not given."""
    number = amount(given, name)
    if number == 0:
        raise InputError(f"--{name.replace('_', '-')} is 0", fix="give a number above 0")
    return usual if number is None else number


def users_range(text: str) -> tuple[int, int]:
    """`10..1000000` as two numbers of daily users."""
    low, dots, high = text.partition("..")
    if not dots or not low.isdigit() or not high.isdigit() or not 0 < int(low) < int(high) <= 10**9:
        raise InputError(f"--users {text!r} is not a range", fix="write it as 10..1000000")
    return int(low), int(high)
