"""The generated Terraform, read back with an HCL parser and by Terraform itself."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
from msgspec import structs

from seatrial.bundler.bundle import bundle
from seatrial.bundler.files import BundleFiles
from seatrial.bundler.write import write
from seatrial.kernel.demand import AppSettings, Settings
from seatrial.kernel.workload import Component, Proof, Route, Service, ServiceTime, Workload

Files = Callable[..., BundleFiles]


def documents(files: BundleFiles) -> Iterator[dict[str, Any]]:
    for file in files.files:
        if file.path.endswith(".tf"):
            yield hcl2.loads(file.content.decode())


def unquoted(node: Any) -> Any:
    if isinstance(node, dict):
        return {unquoted(k): unquoted(v) for k, v in node.items() if not k.startswith("__")}
    if isinstance(node, list):
        return [unquoted(item) for item in node]
    return node.strip('"') if isinstance(node, str) else node


def resources(files: BundleFiles) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for document in documents(files):
        for entry in unquoted(document).get("resource", []):
            for kind, named in entry.items():
                for name, body in named.items():
                    assert f"{kind}.{name}" not in found
                    found[f"{kind}.{name}"] = body
    return found


def text(files: BundleFiles, path: str) -> str:
    return next(file.content.decode() for file in files.files if file.path == path)


def test_fargate_is_the_design(make_files: Files) -> None:
    files = make_files("aws-fargate", "multi", scales=True)
    found = resources(files)
    task = found["aws_ecs_task_definition.app"]
    assert (task["cpu"], task["memory"]) == ("512", "1024")
    for words in (
        "SEATRIAL_READY_PATH",
        "readonlyRootFilesystem = true",
        "stopTimeout = 60",
        "10001:10001",
        "awslogs",
    ):
        assert words in task["container_definitions"]
    service = found["aws_ecs_service.app"]
    assert service["desired_count"] == 2
    assert service["deployment_circuit_breaker"] == [{"enable": True, "rollback": True}]
    target = found["aws_appautoscaling_target.replicas"]
    assert (target["min_capacity"], target["max_capacity"]) == (2, 6)
    database = found["aws_db_instance.database"]
    assert database["instance_class"] == "db.t4g.small"
    assert (database["allocated_storage"], database["multi_az"]) == (30, True)
    assert database["storage_encrypted"] and not database["publicly_accessible"]
    assert database["backup_retention_period"] == 7
    assert 'default     = "eu-west-1"' in text(files, "terraform/variables.tf")


def test_what_is_not_in_the_design_is_not_there(make_files: Files) -> None:
    found = resources(make_files("aws-fargate"))
    kinds = {name.partition(".")[0] for name in found}
    for kind in ("aws_db_instance", "aws_secretsmanager_secret", "aws_appautoscaling_target",
                 "aws_nat_gateway", "aws_autoscaling_group"):  # fmt: skip
        assert kind not in kinds
    assert len([name for name in found if name.startswith("aws_cloudwatch_metric_alarm")]) == 4


def test_servers(make_files: Files) -> None:
    found = resources(make_files("aws-ecs-ec2", scales=True))
    assert found["aws_autoscaling_group.servers"]["min_size"] == 2
    template = found["aws_launch_template.server"]
    assert template["instance_type"] == "t4g.small"
    assert template["metadata_options"][0]["http_tokens"] == "required"
    ebs = template["block_device_mappings"][0]["ebs"][0]
    assert ebs["encrypted"] and ebs["volume_type"] == "gp3"
    files = make_files("aws-ecs-ec2")
    assert "/arm64/" in text(files, "terraform/servers.tf")
    assert "linux/arm64" in text(files, "build-and-push.sh")


def test_function(make_files: Files) -> None:
    function = resources(make_files("aws-lambda", scales=True))["aws_lambda_function.app"]
    assert function["memory_size"] == 1024
    assert function["reserved_concurrent_executions"] == 6
    assert function["package_type"] == "Image"
    assert "vpc_config" not in function
    for kind, gateways in (("none", 0), ("single", 1), ("multi", 2)):
        found = resources(make_files("aws-lambda", kind))
        assert len([name for name in found if name.startswith("aws_nat_gateway.")]) == gateways
        assert ("vpc_config" in found["aws_lambda_function.app"]) == (gateways > 0)


def test_lightsail(make_files: Files) -> None:
    found = resources(make_files("aws-lightsail", "multi"))
    service = found["aws_lightsail_container_service.app"]
    assert (service["power"], service["scale"]) == ("small", 2)
    assert found["aws_db_instance.database"]["multi_az"] is True
    assert found["aws_vpc_security_group_ingress_rule.database"]["cidr_ipv4"] == "172.26.0.0/16"
    assert not any(name.startswith("aws_vpc.") for name in found)


def test_only_the_balancer_is_open_to_the_world(all_cases: dict[str, BundleFiles]) -> None:
    open_to_all = set()
    for files in all_cases.values():
        security = [file for file in files.files if file.path == "terraform/security.tf"]
        for name, body in resources(structs.replace(files, files=tuple(security))).items():
            if "ingress" in name and body.get("cidr_ipv4") == "0.0.0.0/0":
                open_to_all.add((name.partition(".")[2], body["from_port"], body["to_port"]))
    assert open_to_all == {("balancer_http", 80, 80), ("balancer_https", 443, 443)}


def test_no_secret_in_any_file(all_cases: dict[str, BundleFiles]) -> None:
    for name, files in all_cases.items():
        for file in files.files:
            assert b"planted" not in file.content, f"{name}: {file.path}"


def test_services_outside_get_a_way_out(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> None:
    base = make_workload()
    redis = Service(kind="redis", proof=base.dependencies[0].proof)
    web: Component = base.web
    changed = Component(
        name="web", kind="web", framework="flask", interface="wsgi",
        entry=web.entry, command=web.command,
        port=8000, services=(*web.services, redis),
    )  # fmt: skip
    files = bundle(
        make_workload(components=(changed,)), Settings(), make_design("aws-fargate"), wheel
    )
    found = resources(files)
    assert found["aws_vpc_security_group_egress_rule.replica_redis_6379"]["from_port"] == 6379
    assert "aws_vpc_security_group_egress_rule.replica_postgresql_5432" in found


def test_slo_reaches_the_alarm(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> None:
    files = bundle(make_workload(), Settings(), make_design("aws-fargate"), wheel)
    alarm = resources(files)["aws_cloudwatch_metric_alarm.latency"]
    assert (alarm["threshold"], alarm["extended_statistic"]) == (0.5, "p95")


def test_formatted(all_cases: dict[str, BundleFiles], tmp_path: Path, terraform: str) -> None:
    for name, files in all_cases.items():
        write(files, tmp_path / name)
    done = subprocess.run(
        [terraform, "fmt", "-check", "-diff", "-recursive", "-no-color", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def validate(cases: dict[str, BundleFiles], root: Path, terraform: str, plugins: Path) -> None:
    """Validate many bundles at once, each as a module: the provider is loaded once."""
    modules: dict[str, dict[str, object]] = {}
    for name, files in cases.items():
        write(files, root / "bundles" / name)
        source = f"./bundles/{name}/terraform"
        modules[name] = {"source": source, "image": "repository@sha256:0"}
        if 'variable "secrets"' in text(files, "terraform/variables.tf"):
            modules[name]["secrets"] = {"API_URL": "a", "SECRET_KEY": "b"}
    (root / "main.tf.json").write_text(json.dumps({"module": modules}))
    init = [terraform, "init", "-backend=false", "-input=false", f"-plugin-dir={plugins}"]
    subprocess.run(init, cwd=root, check=True, capture_output=True, timeout=120)
    done = subprocess.run(
        [terraform, "validate", "-no-color"],
        cwd=root, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Success!" in done.stdout


def with_terraform(cases: dict[str, BundleFiles]) -> dict[str, BundleFiles]:
    return {name: files for name, files in cases.items() if not name.startswith("this-machine")}


def test_the_password_is_drawn_once_and_only_where_terraform_hides_it(make_files: Files) -> None:
    """Seen with real applies: a data source's id, and a terraform_data's output, are shown."""
    for platform in ("aws-fargate", "aws-ecs-ec2", "aws-lambda", "aws-lightsail"):
        files = make_files(platform, "single")
        found = resources(files)
        database = found["aws_db_instance.database"]
        assert "uuid()" in database["password"]
        assert database["lifecycle"][0]["ignore_changes"] == ["password"]
        everything = "".join(f.content.decode() for f in files.files if f.path.endswith(".tf"))
        assert everything.count("uuid()}") == 2
        assert "aws_db_instance.database.password" in everything
        assert "random_password" not in everything and "terraform_data" not in everything


@pytest.mark.slow
def test_all_are_valid(
    all_cases: dict[str, BundleFiles], tmp_path: Path, terraform: str, plugin_dir: Path
) -> None:
    """Every two choices together, in half of the bundles: Terraform takes most of a second for
    each. That all are Terraform is seen when their format is checked."""
    kinds = ("none", "single", "multi")
    chosen = {}
    for name, files in with_terraform(all_cases).items():
        _, kind, scaling, variables = name.rsplit("-", 3)
        if (kinds.index(kind) + (scaling == "scales") + (variables == "nasty")) % 2 == 0:
            chosen[name] = files
    assert len(chosen) == 3 * 6 + 3
    validate(chosen, tmp_path, terraform, plugin_dir)


def test_names_of_variables_that_hcl_knows_are_quoted(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> None:
    settings = Settings(app=AppSettings(env={"for": "a", "null": "b", "_": "c"}))
    files = bundle(make_workload(), settings, make_design("aws-lambda"), wheel)
    environment = resources(files)["aws_lambda_function.app"]["environment"][0]["variables"]
    assert {name: environment[name] for name in ("for", "null", "_")} == {
        "for": "a", "null": "b", "_": "c",
    }  # fmt: skip


def test_the_balancer_waits_for_the_slowest_route(
    make_workload: Callable[..., Workload],
    make_design: Callable[..., Any],
    wheel: tuple[str, bytes],
) -> None:
    slow = ServiceTime(
        requests=40, mean_ms=9e4, cpu_ms_mean=1.0, scv=1.0, quantiles_ms=(100.0, 9.5e4),
        response_bytes_mean=1.0,
    )  # fmt: skip
    proof = Proof(kind="measured", rule="test")
    route = Route(path="/slow", methods=("GET",), endpoint="slow", proof=proof, service_time=slow)
    web = structs.replace(make_workload().web, routes=(route,))
    design = make_design("aws-fargate")
    patient = bundle(make_workload(components=(web,)), Settings(), design, wheel)
    assert resources(patient)["aws_lb.app"]["idle_timeout"] == 190
    usual = bundle(make_workload(), Settings(), design, wheel)
    assert resources(usual)["aws_lb.app"]["idle_timeout"] == 60
