"""The process that asks a cloud's secret manager: told on stdin, answers one JSON on stdout."""

import base64
import json
import os
import re
import sys
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

_CONNECT_S, _READ_S = 3.0, 5.0
_PAUSE_S = 0.5
_MAX_SECRETS = 500
_MAX_PAGES = 50


class WrongError(Exception):
    """What was asked for is refused or not there; asking again would not help."""


class UnreachableError(Exception):
    """No answer now."""


def aws(name: str) -> dict[str, str]:
    """One secret of AWS Secrets Manager whose text is a JSON object: its members."""
    # One cloud's client, and only when it is asked for.
    import boto3
    from botocore import config, exceptions

    arn = re.match(r"arn:[\w-]+:secretsmanager:([\w-]+):", name)
    # AWS_REGION is what tasks, pods and functions are told; boto3 itself only knows the other.
    region = arn[1] if arn else os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    asking = config.Config(
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    try:
        client = boto3.client("secretsmanager", config=asking, region_name=region or None)
        text = client.get_secret_value(SecretId=name).get("SecretString")
    except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
        raise UnreachableError(str(error)) from None
    except exceptions.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        told = f"{error.response['Error'].get('Code')}: {error.response['Error'].get('Message')}"
        throttled = "Throttl" in told or "TooManyRequests" in told
        raise (UnreachableError if status >= 500 or throttled else WrongError)(told) from None
    except exceptions.NoRegionError:
        raise WrongError("no region is known; set AWS_REGION, or give the secret's ARN") from None
    except exceptions.NoCredentialsError:
        raise WrongError("no credentials are found; give the process a role") from None
    except exceptions.BotoCoreError as error:
        raise WrongError(str(error)) from None
    try:
        found = json.loads(text or "")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WrongError('its text is not a JSON object like {"DATABASE_URL": "..."}')
    return {key: one if isinstance(one, str) else json.dumps(one) for key, one in found.items()}


def azure(vault: str) -> dict[str, str]:
    """Every enabled secret of an Azure Key Vault."""
    # One cloud's client, and only when it is asked for.
    from azure.core import exceptions
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient  # As above.

    try:
        credential = DefaultAzureCredential(exclude_interactive_browser_credential=True)
        client = SecretClient(
            vault,
            credential,
            retry_total=1,
            connection_timeout=_CONNECT_S,
            read_timeout=_READ_S,
        )
        names = [one.name for one in client.list_properties_of_secrets() if one.enabled]
        _limit(len(names))
        return {name: client.get_secret(name).value or "" for name in names}
    except exceptions.ClientAuthenticationError as error:
        raise WrongError(f"signing in is refused: {_first_line(error)}") from None
    except (exceptions.ServiceRequestError, exceptions.ServiceResponseError) as error:
        raise UnreachableError(_first_line(error)) from None
    except exceptions.HttpResponseError as error:
        busy = error.status_code is None or error.status_code >= 500 or error.status_code == 429
        raise (UnreachableError if busy else WrongError)(_first_line(error)) from None
    except exceptions.AzureError as error:
        raise WrongError(_first_line(error)) from None


def gcp(place: str) -> dict[str, str]:
    """The newest version of each secret of a Google Cloud project whose name has the prefix."""
    # One cloud's client, and only when it is asked for.
    import google.auth
    from google.auth import exceptions
    from google.auth.transport.requests import AuthorizedSession  # As above.
    from requests.exceptions import RequestException

    match = re.fullmatch(r"projects/([\w:.-]+)(?:/(?:secrets/)?([\w-]*))?", place)
    if match is None:
        raise WrongError("is not gcp:projects/PROJECT or gcp:projects/PROJECT/PREFIX")
    project, prefix = match[1], match[2] or ""
    # The variable by which gcloud itself is pointed elsewhere.
    base = os.environ.get(
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", "https://secretmanager.googleapis.com/"
    )
    try:
        credentials, _ = google.auth.default(
            scopes=["https://www.googleapis.com/auth/cloud-platform"]
        )
        session: Any = AuthorizedSession(credentials)
        names = _gcp_names(session, f"{base.rstrip('/')}/v1/projects/{project}/secrets", prefix)
        return {name: _gcp_value(session, base, path) for name, path in names.items()}
    except exceptions.DefaultCredentialsError as error:
        raise WrongError(f"no credentials are found: {_first_line(error)}") from None
    except exceptions.TransportError as error:
        raise UnreachableError(_first_line(error)) from None
    except exceptions.GoogleAuthError as error:
        raise WrongError(f"signing in is refused: {_first_line(error)}") from None
    except RequestException as error:
        raise UnreachableError(_first_line(error)) from None


def _gcp_names(session: Any, url: str, prefix: str) -> dict[str, str]:
    """The path of each secret by its name without the prefix."""
    found: dict[str, str] = {}
    token = ""
    for _ in range(_MAX_PAGES):
        page = _gcp_get(session, f"{url}?pageSize=250" + (f"&pageToken={token}" if token else ""))
        for one in page.get("secrets", []):
            name = one["name"].rpartition("/")[2]
            if name.startswith(prefix):
                found[name[len(prefix) :].lstrip("-_") or name] = one["name"]
        _limit(len(found))
        token = urllib.parse.quote(page.get("nextPageToken", ""), safe="")
        if not token:
            break
    return found


def _gcp_value(session: Any, base: str, path: str) -> str:
    answer = _gcp_get(session, f"{base.rstrip('/')}/v1/{path}/versions/latest:access")
    try:
        return base64.b64decode(answer["payload"]["data"]).decode()
    except UnicodeDecodeError:
        raise WrongError(f"{path.rpartition('/')[2]} is not UTF-8 text") from None


def _gcp_get(session: Any, url: str) -> dict[str, Any]:
    """One GET, tried a second time when the service is busy."""
    for _ in range(2):
        answer = session.get(url, timeout=(_CONNECT_S, _READ_S))
        if answer.status_code == 200:
            found: dict[str, Any] = answer.json()
            return found
        told = f"{answer.status_code}: {_gcp_words(answer)}"
        if answer.status_code < 500 and answer.status_code != 429:
            raise WrongError(told)
        time.sleep(_PAUSE_S)
    raise UnreachableError(told)


def _gcp_words(answer: Any) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return str(answer.reason)


def _limit(count: int) -> None:
    if count > _MAX_SECRETS:
        raise WrongError(f"it has over {_MAX_SECRETS} secrets; give the app a place of its own")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


CLIENTS: dict[str, Callable[[str], dict[str, str]]] = {"aws": aws, "azure": azure, "gcp": gcp}


def main() -> None:
    """Answer what stdin asks. Values go to stdout alone, which is the parent's pipe."""
    asked = json.load(sys.stdin)
    answer: dict[str, object]
    try:
        answer = {"outcome": "found", "secrets": CLIENTS[asked["kind"]](asked["place"])}
    except ModuleNotFoundError as error:
        answer = {"outcome": "missing", "problem": error.name}
    except WrongError as error:
        answer = {"outcome": "wrong", "problem": str(error)}
    except UnreachableError as error:
        answer = {"outcome": "unreachable", "problem": str(error)}
    json.dump(answer, sys.stdout)
