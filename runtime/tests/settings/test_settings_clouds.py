"""The clouds' own clients against servers that speak as their managers do, over real sockets."""

import base64
import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from harness import command, free_port, get, wait_for
from seatrial_runtime.settings import cloud_clients
from seatrial_runtime.settings.cloud_clients import UnreachableError, WrongError
from seatrial_runtime.settings.layers import resolve
from seatrial_runtime.settings.secrets import named, read_secrets
from seatrial_runtime.settings.settings import SettingsError
from seatrial_runtime.settings.settings import UnreachableError as LaterError

SECRET = "p4ssword-of-the-cloud"
Ask = Callable[[str, dict[str, str]], dict[str, str]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks a source in this process: each client takes long to import, so not once a test."""

    def one(source: str, environ: dict[str, str]) -> dict[str, str]:
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", environ)
            kind, _, place = source.partition(":")
            return named(cloud_clients.CLIENTS[kind](place), source)

    return one


# -- AWS, by moto's server


@pytest.fixture(scope="module")
def aws() -> Iterator[dict[str, str]]:
    """The environment of a process that finds its Secrets Manager at moto's server."""
    pytest.importorskip("moto")
    boto3 = pytest.importorskip("boto3")
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(lambda: get(f"127.0.0.1:{port}", "/moto-api/")[0], "moto")
            environ = {
                **os.environ,
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "id",
                "AWS_SECRET_ACCESS_KEY": "key",
                "AWS_REGION": "eu-central-1",
            }
            client = boto3.client(
                "secretsmanager",
                endpoint_url=environ["AWS_ENDPOINT_URL"],
                region_name="eu-central-1",
                aws_access_key_id="id",
                aws_secret_access_key="key",
            )
            wanted = {"DATABASE_URL": SECRET, "pool-size": 5}
            made = client.create_secret(Name="app/web", SecretString=json.dumps(wanted))
            client.create_secret(Name="text", SecretString=SECRET)
            yield {**environ, "ARN": made["ARN"]}
        finally:
            server.terminate()


def test_aws_gives_the_members_of_one_secret(aws: dict[str, str], tmp_path: Path) -> None:
    """Through the process of its own; what signs in may stand in .env."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL")
    (tmp_path / ".env").write_text("".join(f"{name}={aws[name]}\n" for name in names))
    environ = {name: one for name, one in os.environ.items() if not name.startswith("AWS_")}
    one = resolve("web", "a:b", (), {"secrets": "aws:app/web"}, environ, str(tmp_path))
    assert one.app_environment["DATABASE_URL"] == SECRET
    assert one.app_environment["POOL_SIZE"] == "5"
    assert SECRET in one.secret_values


def test_an_arn_names_its_region(aws: dict[str, str], ask: Ask) -> None:
    without_region = {name: one for name, one in aws.items() if name != "AWS_REGION"}
    assert ask(f"aws:{aws['ARN']}", without_region)["DATABASE_URL"] == SECRET


@pytest.mark.parametrize(
    ("source", "changed", "words"),
    [
        ("aws:absent", {}, "ResourceNotFoundException"),
        ("aws:text", {}, "not a JSON object"),
        ("aws:app/web", {"AWS_REGION": ""}, "set AWS_REGION"),
    ],
)
def test_what_aws_refuses(
    aws: dict[str, str], ask: Ask, source: str, changed: dict[str, str], words: str
) -> None:
    with pytest.raises(WrongError, match=words) as refused:
        ask(source, {**aws, **changed})
    assert SECRET not in str(refused.value)


def test_a_manager_that_is_not_there_now(aws: dict[str, str], tmp_path: Path) -> None:
    environ = {**aws, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    done = subprocess.run(
        command("web", "app:app", "--secrets", "aws:app/web"),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=environ,
    )
    assert done.returncode == 75
    assert "--secrets aws:app/web: " in done.stderr


# -- Azure and Google Cloud, by stand-ins that speak the part of their REST interfaces we use


@dataclass
class Vault:
    """What a stand-in holds and does; `fail` answers that status so many times first."""

    secrets: dict[str, str]
    fail: list[int] = field(default_factory=list)
    token: str = "the-token"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    vault: Vault

    def log_message(self, *_: Any) -> None:
        pass

    def reply(self, status: int, body: dict[str, Any], **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    @property
    def signed_in(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.vault.token}"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, {"access_token": self.vault.token, "expires_in": 3600})


class Azure(Handler):
    """Key Vault's `secrets` and the endpoint of App Service's managed identity."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        host = f"https://{self.headers['Host']}"
        if url.path == "/identity":
            known = self.headers.get("X-IDENTITY-HEADER") == "proof"
            token = {"access_token": self.vault.token, "expires_on": "4102444800"}
            token |= {"token_type": "Bearer", "resource": "x"}
            self.reply(200 if known else 401, token if known else {"message": "who are you"})
        elif not self.signed_in:
            # The resource has to be the domain above the vault's own name.
            resource = host.replace("127.0.0.1", "0.0.1")
            authorization = f"{host}/tenant"
            challenge = f'Bearer authorization="{authorization}", resource="{resource}"'
            self.reply(401, {}, WWW_Authenticate=challenge)
        elif self.vault.fail:
            self.reply(self.vault.fail.pop(), {"error": {"code": "x", "message": "words"}})
        elif url.path.strip("/") == "secrets":
            # One a page, as the service does with more.
            names = sorted(self.vault.secrets)
            at = int(parse_qs(url.query).get("at", ["0"])[0])
            item = {"id": f"{host}/secrets/{names[at]}", "attributes": {"enabled": True}}
            more = f"{host}/secrets?at={at + 1}&api-version=7.4" if at + 1 < len(names) else None
            self.reply(200, {"value": [item], "nextLink": more})
        else:
            name = url.path.strip("/").split("/")[1]
            self.reply(200, {"value": self.vault.secrets[name], "id": f"{host}/secrets/{name}/1"})


class Google(Handler):
    """Secret Manager's list and access; tokens come from its POST."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        names = sorted(self.vault.secrets)
        if self.vault.fail:
            status = self.vault.fail.pop()
            self.reply(status, {"error": {"code": status, "message": "words"}})
        elif not self.signed_in:
            self.reply(401, {"error": {"code": 401, "message": "no token"}})
        elif url.path == "/v1/projects/p-1/secrets":
            at = int(parse_qs(url.query).get("pageToken", ["0"])[0])
            body = {"secrets": [{"name": f"projects/1/secrets/{names[at]}"}]}
            more = {"nextPageToken": str(at + 1)} if at + 1 < len(names) else {}
            self.reply(200, body | more)
        else:
            name = url.path.split("/")[5]
            data = base64.b64encode(self.vault.secrets[name].encode()).decode()
            self.reply(200, {"payload": {"data": data}})


@contextlib.contextmanager
def serving(kind: type[Handler], vault: Vault, tls: ssl.SSLContext | None) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (kind,), {"vault": vault}))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[tuple[Vault, str, dict[str, str]]]:
    """A vault, its source and the environment of a process with a managed identity."""
    pytest.importorskip("azure.keyvault.secrets")
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    vault = Vault({"DATABASE-URL": SECRET, "other": "5"})
    with serving(Azure, vault, context) as port:
        environ = {
            **os.environ,
            "REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem"),
            "IDENTITY_ENDPOINT": f"https://127.0.0.1:{port}/identity",
            "IDENTITY_HEADER": "proof",
            "AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential",
        }
        yield vault, f"azure:https://127.0.0.1:{port}", environ


def test_azure_gives_every_secret(azure: tuple[Vault, str, dict[str, str]], ask: Ask) -> None:
    _, source, environ = azure
    assert ask(source, environ) == {"DATABASE_URL": SECRET, "OTHER": "5"}


def test_azure_is_asked_twice(azure: tuple[Vault, str, dict[str, str]], ask: Ask) -> None:
    vault, source, environ = azure
    vault.fail = [503]
    assert ask(source, environ)["OTHER"] == "5"
    vault.fail = [503] * 9
    with pytest.raises(UnreachableError):
        ask(source, environ)


def test_what_azure_refuses(azure: tuple[Vault, str, dict[str, str]], ask: Ask) -> None:
    vault, source, environ = azure
    vault.fail = [403]
    with pytest.raises(WrongError, match="words"):
        ask(source, environ)
    with pytest.raises(WrongError, match="signing in is refused"):
        ask(source, {**environ, "IDENTITY_HEADER": "forged"})


@pytest.fixture
def google(tmp_path: Path) -> Iterator[tuple[Vault, dict[str, str]]]:
    """A project's secrets and the environment of a process with a service account."""
    pytest.importorskip("google.auth")
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    from cryptography.hazmat.primitives import serialization  # With the above, or not at all.

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    vault = Vault({"app-DATABASE_URL": SECRET, "app-other": "5", "else": "no"})
    with serving(Google, vault, None) as port:
        account = {
            "type": "service_account",
            "project_id": "p-1",
            "private_key": pem,
            "client_email": "app@p-1.iam.gserviceaccount.com",
            "token_uri": f"http://127.0.0.1:{port}/token",
        }
        (tmp_path / "account.json").write_text(json.dumps(account))
        yield (
            vault,
            {
                **os.environ,
                "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "account.json"),
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER": f"http://127.0.0.1:{port}/",
            },
        )


def test_google_gives_those_with_the_prefix(google: tuple[Vault, dict[str, str]], ask: Ask) -> None:
    _, environ = google
    assert ask("gcp:projects/p-1/app", environ) == {"DATABASE_URL": SECRET, "OTHER": "5"}
    everything = ask("gcp:projects/p-1", environ)
    assert sorted(everything) == ["APP_DATABASE_URL", "APP_OTHER", "ELSE"]


def test_google_is_asked_twice(google: tuple[Vault, dict[str, str]], ask: Ask) -> None:
    vault, environ = google
    vault.fail = [503]
    assert ask("gcp:projects/p-1", environ)["ELSE"] == "no"
    vault.fail = [503] * 9
    with pytest.raises(UnreachableError, match="503: words"):
        ask("gcp:projects/p-1", environ)


def test_what_google_refuses(google: tuple[Vault, dict[str, str]], ask: Ask) -> None:
    vault, environ = google
    with pytest.raises(WrongError, match="is not gcp:projects/PROJECT"):
        ask("gcp:projects/p-1/a/b", environ)
    with pytest.raises(WrongError, match="no credentials"):
        ask("gcp:projects/p-1", {**environ, "GOOGLE_APPLICATION_CREDENTIALS": "absent"})
    vault.fail = [403]
    with pytest.raises(WrongError, match="403: words"):
        ask("gcp:projects/p-1", environ)


@pytest.mark.parametrize(
    ("kind", "module"), [("aws", "boto3"), ("azure", "azure"), ("gcp", "google")]
)
def test_an_extra_that_is_not_installed(tmp_path: Path, kind: str, module: str) -> None:
    # A package of that name without what is needed of it hides the real one.
    (tmp_path / f"{module}.py").write_text(
        f"raise ModuleNotFoundError('No module named {module}', name={module!r})\n"
    )
    environ = dict(os.environ)
    environ["PYTHONPATH"] = os.pathsep.join([str(tmp_path), environ.get("PYTHONPATH", "")])
    place = {"aws": "aws:x", "azure": "azure:https://x", "gcp": "gcp:projects/x"}[kind]
    with pytest.raises(SettingsError, match=rf"pip install seatrial-runtime\[{kind}\]") as refused:
        read_secrets(place, environ)
    assert refused.value.exit_code == 2


def test_a_manager_that_takes_the_call_and_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("boto3")
    monkeypatch.setattr("seatrial_runtime.settings.cloud._TIMEOUT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environ = {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "key",
            "AWS_REGION": "eu-central-1",
        }
        with pytest.raises(LaterError, match="no answer within 2 s"):
            read_secrets("aws:x", environ)
