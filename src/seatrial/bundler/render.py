"""Templates: Jinja2 files under templates/, one concern a file."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from seatrial.bundler import quoting
from seatrial.bundler.recipe import Recipe

ENVOY_IMAGE = "envoyproxy/envoy:distroless-v1.39.1"
"""hub.docker.com/r/envoyproxy/envoy/tags, read 2026-11-21."""

POSTGRES_IMAGE = "postgres:17"
POSTGRES_VERSION = "17"
"""Supported until 2029-11 (postgresql.org/support/versioning), on RDS since 2024-11."""

LAMBDA_ADAPTER_IMAGE = "public.ecr.aws/awsguru/aws-lambda-adapter:1.1.0"
"""github.com/aws/aws-lambda-web-adapter/pull/871, 2026-09-18: the tag was seen to resolve."""

PRIVATE_NETWORKS = "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10"
"""RFC 1918 and RFC 6598: where a load balancer in the network, or a proxy beside, comes from."""

IDS = {"uid": 10001, "gid": 10001}
"""Above the ids a Debian image gives to its own users."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("seatrial.bundler"),
        undefined=StrictUndefined,
        # Nothing here is HTML: each language's own filter quotes what comes from outside.
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        hcl=quoting.hcl_string,
        hcl_map=quoting.hcl_map,
        exec_form=quoting.exec_form,
        yaml=quoting.yaml_string,
        compose=quoting.compose_string,
        code=quoting.code_span,
    )
    return environment


def render(template: str, recipe: Recipe) -> str:
    """Fill one template; a name that the recipe does not have is an error."""
    return (
        _environment()
        .get_template(template)
        .render(
            r=recipe,
            d=recipe.design,
            db=recipe.design.database,
            envoy_image=ENVOY_IMAGE,
            postgres_image=POSTGRES_IMAGE,
            postgres_version=POSTGRES_VERSION,
            lambda_adapter_image=LAMBDA_ADAPTER_IMAGE,
            private_networks=PRIVATE_NETWORKS,
            **IDS,
        )
    )
