"""Amazon Bedrock's Converse API, by boto3.

boto3 tries four more times by itself, on a minute's time-out each; here it tries once, and the
chain decides what follows.
"""

import os
import threading
from collections.abc import Iterator
from typing import Any

from seatrial_runtime.llm.errors import (
    Denied,
    LlmError,
    Throttled,
    TimedOut,
    Unavailable,
    of_status,
)
from seatrial_runtime.llm.model import End, Model, Prompt, Reply
from seatrial_runtime.llm.prices import Usage
from seatrial_runtime.resilience.threads import begin
from seatrial_runtime.resilience.waits import told_by

# Codes whose HTTP status says something else than they mean, or that a stream tells without one.
_KINDS: dict[str, type[LlmError]] = {
    "ThrottlingException": Throttled,
    "throttlingException": Throttled,
    "TooManyRequestsException": Throttled,
    "ModelNotReadyException": Throttled,
    "ServiceQuotaExceededException": Denied,
    "ModelTimeoutException": TimedOut,
    "ModelErrorException": Unavailable,
    "modelStreamErrorException": Unavailable,
    "internalServerException": Unavailable,
    "serviceUnavailableException": Unavailable,
    "ExpiredTokenException": Denied,
    "UnrecognizedClientException": Denied,
    "InvalidSignatureException": Denied,
}
_NO_CREDENTIALS = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "TokenRetrievalError",
    "SSOTokenLoadError",
    "UnauthorizedSSOTokenError",
)
_CONNECT_S = 5.0

_clients: dict[tuple[str | None, str | None, float], Any] = {}
_clients_lock = threading.Lock()


class Bedrock(Model):
    """See `bedrock`."""

    def __init__(
        self,
        name: str,
        region: str | None,
        endpoint_url: str | None,
        client: Any,
        options: dict[str, Any],
        **more: Any,
    ) -> None:
        super().__init__(name, **more)
        try:  # An extra, and a second of start-up: only who uses it pays for it.
            import boto3
            import botocore.eventstream
            import botocore.exceptions  # Likewise.
            import botocore.parsers
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "Bedrock is asked by boto3: pip install seatrial-runtime[aws]", name=error.name
            ) from None
        self._boto3, self._errors = boto3, botocore.exceptions
        self._nonsense = (
            botocore.parsers.ResponseParserError,
            botocore.eventstream.ParserError,
            ValueError,
            KeyError,
            TypeError,
        )
        self._endpoint_url, self._given, self._options = endpoint_url, client, options
        # Containers are told AWS_REGION, which boto3 does not read.
        self._region = region or os.environ.get("AWS_REGION")
        if client is None:
            self._region = self._region or boto3.session.Session().region_name
            if not self._region:
                raise ValueError(f"no region for {name}: give region=, or set AWS_REGION")
            # It takes a while, which the first question should not pay for out of its time.
            begin(self._client)

    def call(self, prompt: Prompt, timeout_s: float) -> Reply:
        data: Any = None
        failure: LlmError | None = None
        try:
            data = self._client().converse(**self._request(prompt))
        except (self._errors.ClientError, self._errors.BotoCoreError) as error:
            failure = self._translated(error)
        except self._nonsense as error:
            failure = Unavailable(f"no answer of Bedrock: {type(error).__name__}", status=200)
        if failure is not None:
            raise failure
        try:
            parts = data["output"]["message"]["content"]
            text = "".join(part["text"] for part in parts if "text" in part)
        except (KeyError, TypeError):
            # boto3 takes half an answer for an empty one.
            raise Unavailable("the answer is not what Bedrock promises", status=200) from None
        return Reply(text, _usage(data.get("usage")), str(data.get("stopReason", "")))

    def stream(self, prompt: Prompt, timeout_s: float) -> Iterator[str | End]:
        import urllib3.exceptions  # boto3 has it: what breaks a stream comes through unwrapped.

        failure: LlmError | None = None
        stop_reason, usage = "", None
        try:
            events = self._client().converse_stream(**self._request(prompt))["stream"]
            try:
                for event in events:
                    if "contentBlockDelta" in event:
                        text = event["contentBlockDelta"]["delta"].get("text")
                        if text:
                            yield text
                    elif "messageStop" in event:
                        stop_reason = str(event["messageStop"].get("stopReason", "end"))
                    elif "metadata" in event:
                        usage = event["metadata"].get("usage")
            finally:
                events.close()
        except (self._errors.ClientError, self._errors.BotoCoreError) as error:
            failure = self._translated(error)
        except urllib3.exceptions.ReadTimeoutError:
            failure = TimedOut("the stream stopped")
        except (urllib3.exceptions.HTTPError, *self._nonsense) as error:
            failure = Unavailable(f"the stream broke off: {type(error).__name__}", status=200)
        if failure is None and not stop_reason:
            failure = Unavailable("the stream broke off", status=200)
        if failure is not None:
            raise failure
        yield End(_usage(usage), stop_reason)

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        settings: dict[str, Any] = {"maxTokens": prompt.max_tokens}
        if prompt.temperature is not None:
            settings["temperature"] = prompt.temperature
        request: dict[str, Any] = {
            "modelId": self.name,
            "messages": [{"role": m.role, "content": [{"text": m.text}]} for m in prompt.messages],
            "inferenceConfig": settings,
        }
        if prompt.system:
            request["system"] = [{"text": prompt.system}]
        return {**request, **self._options}

    def _client(self) -> Any:
        if self._given is not None:
            return self._given
        place = (self._region, self._endpoint_url, self.timeout_s)
        with _clients_lock:
            client = _clients.get(place)
            if client is None:
                from botocore.config import Config  # With boto3: see __init__.

                config = Config(
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    connect_timeout=min(self.timeout_s, _CONNECT_S),
                    read_timeout=self.timeout_s,
                    max_pool_connections=50,
                    user_agent_extra="seatrial-runtime",
                )
                # A session of its own: the default one may not be used by two threads at once.
                client = _clients[place] = self._boto3.session.Session().client(
                    "bedrock-runtime",
                    region_name=self._region,
                    endpoint_url=self._endpoint_url,
                    config=config,
                )
            return client

    def _translated(self, error: Any) -> LlmError:
        kind = type(error).__name__
        if isinstance(error, self._errors.ClientError):
            told = error.response.get("Error", {})
            code = str(told.get("Code", ""))
            detail = f"{code}: {told.get('Message', '')}"
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            retry_after_s = told_by(error)
            if code in _KINDS:
                return _KINDS[code](detail, status=status, retry_after_s=retry_after_s)
            if code == "validationException":
                status = 400
            return of_status(status, detail, retry_after_s)
        if kind in ("ReadTimeoutError", "ConnectTimeoutError"):
            return TimedOut(f"no answer in time: {kind}")
        if kind in _NO_CREDENTIALS:
            return Denied(f"no AWS credentials: {kind}")
        return Unavailable(f"connection: {kind}")


def _usage(counts: Any) -> Usage:
    if not isinstance(counts, dict):
        return Usage()
    return Usage(
        input_tokens=counts.get("inputTokens"),
        output_tokens=counts.get("outputTokens"),
        cache_read_tokens=counts.get("cacheReadInputTokens") or 0,
        cache_write_tokens=counts.get("cacheWriteInputTokens") or 0,
    )


def bedrock(
    model_id: str,
    *,
    region: str | None = None,
    endpoint_url: str | None = None,
    client: Any = None,
    options: dict[str, Any] | None = None,
    **more: Any,
) -> Bedrock:
    """A model on Amazon Bedrock by its id or inference profile.

    Credentials come as boto3 finds them: environment, profile, role of the task. So does the
    region, unless AWS_REGION tells it. Raises ValueError when there is none.
    A `client` of your own is used as it is, retries and all. `options` are added to each request
    (guardrailConfig, additionalModelRequestFields); the rest is as for `Model`.
    """
    return Bedrock(model_id, region, endpoint_url, client, options or {}, **more)
