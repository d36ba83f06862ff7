"""bundle: the files of one design. A pure function: same input, same bytes."""

from __future__ import annotations

from seatrial.bundler.files import BundleFiles, SourceFile
from seatrial.bundler.recipe import Recipe, read_recipe
from seatrial.bundler.render import render
from seatrial.bundler.write import write
from seatrial.kernel.demand import Settings
from seatrial.kernel.design import Design
from seatrial.kernel.workload import Workload

__all__ = ["bundle", "write"]

Part = tuple[str, str, str]
"""A template, the path of the file it becomes, and what the file is for."""

_IMAGE: tuple[Part, ...] = (
    ("docker/Dockerfile.j2", "Dockerfile", "builds the image"),
    (
        "docker/dockerignore.j2",
        ".dockerignore",
        "keeps everything but the runtime out of the build",
    ),
)
_REQUIREMENTS: tuple[Part, ...] = (
    ("docker/requirements.txt.j2", "requirements.txt", "the app's dependencies"),
)
_PUSH: tuple[Part, ...] = (
    ("docker/build-and-push.sh.j2", "build-and-push.sh", "builds the image and pushes it"),
)


def _terraform(*parts: tuple[str, str]) -> tuple[Part, ...]:
    """Terraform parts: the template's name is the file's, up to a `-variant`."""
    return tuple(
        (f"terraform/{name}.tf.j2", f"terraform/{name.partition('-')[0]}.tf", purpose)
        for name, purpose in parts
    )


_SHARED = _terraform(
    ("versions", "Terraform, the provider and the tags"),
    ("variables", "what can be set at apply time"),
    ("registry", "the image registry"),
)
_LOGS = _terraform(("logs", "the log group"))
_DATABASE = _terraform(("database", "PostgreSQL, and the secret with its address"))
_SECRETS = _terraform(("secrets", "the secret that holds the app's secret variables"))
_SCALING = _terraform(("scaling", "replicas follow the processor"))
_ECS = _terraform(
    ("network", "the VPC and its subnets"),
    ("security", "who may talk to whom"),
    ("balancer", "the load balancer"),
    ("service", "the cluster, the task and the service"),
    ("iam", "the roles of the tasks"),
    ("alarms-ecs", "alarms on errors, latency, health and load"),
    ("outputs-ecs", "the addresses"),
)
_SERVERS = _terraform(("servers", "the EC2 servers under the cluster"))
_FUNCTION = _terraform(
    ("function", "the function, its role and its API"),
    ("alarms-function", "alarms on errors, latency and throttling"),
    ("outputs-function", "the addresses"),
)
_FUNCTION_NETWORK = _terraform(
    ("network", "the VPC and its subnets"),
    ("security-function", "who may talk to whom"),
)
_LIGHTSAIL = _terraform(
    ("lightsail", "the container service and its deployment"),
    ("outputs-lightsail", "the addresses"),
)
_COMPOSE: tuple[Part, ...] = (
    ("compose/compose.yaml.j2", "compose.yaml", "the replicas, the proxy and the database"),
    ("compose/envoy.yaml.j2", "envoy.yaml", "spreads the requests over the replicas"),
)
_README: tuple[Part, ...] = (("readme/README.md.j2", "README.md", "how to use all this"),)


def bundle(
    workload: Workload, settings: Settings, design: Design, runtime_wheel: tuple[str, bytes]
) -> BundleFiles:
    """The files that run `workload` as `design` says, ordered by path.

    `runtime_wheel` is the file name and the bytes of the seatrial-runtime wheel, which travels
    in the bundle. Raises an `InputError` that names what cannot be built, and why.
    """
    wheel_name, wheel = runtime_wheel
    recipe = read_recipe(workload, settings, design, wheel_name)
    files = [
        SourceFile(
            path=path,
            content=render(template, recipe).encode(),
            purpose=purpose,
            executable=path.endswith(".sh"),
        )
        for template, path, purpose in _parts(recipe)
    ]
    files.append(
        SourceFile(
            path=f"runtime/{recipe.image.wheel}",
            content=wheel,
            purpose="seatrial-runtime, which starts the app in the image",
        )
    )
    ordered = tuple(sorted(files, key=lambda file: file.path))
    return BundleFiles(app=recipe.app, design=design, files=ordered)


def _parts(recipe: Recipe) -> tuple[Part, ...]:
    common = _IMAGE + _README + (() if recipe.image.requirements else _REQUIREMENTS)
    database = recipe.design.database is not None
    match recipe.design.platform:
        case "aws-fargate" | "aws-ecs-ec2":
            servers = _SERVERS if recipe.design.platform == "aws-ecs-ec2" else ()
            extra = (_DATABASE if database else ()) + (_SCALING if recipe.scales else ())
            extra += _SECRETS if recipe.environment.secret else ()
            return common + _PUSH + _SHARED + _LOGS + _ECS + servers + extra
        case "aws-lambda":
            network = _FUNCTION_NETWORK + _DATABASE if database else ()
            return common + _PUSH + _SHARED + _LOGS + _FUNCTION + network
        case "aws-lightsail":
            return common + _PUSH + _SHARED + _LIGHTSAIL + (_DATABASE if database else ())
        case "this-machine":
            return common + _COMPOSE
        case platform:
            raise AssertionError(platform)  # check_design let it through
