"""The transport for tasks: one pooled ``requests`` session."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import requests
from tenacity import Retrying

# requests stands on urllib3 and lets its errors through while a body is read.
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from airflow_provider_signalwire.client.config.settings import ClientSettings
from airflow_provider_signalwire.client.flows.stop import CallPager, Flow, Pause
from airflow_provider_signalwire.client.policy.observer import NOBODY, Attempt, Observer, observed
from airflow_provider_signalwire.client.policy.retry import may_be_sent_again, retry_arguments
from airflow_provider_signalwire.client.protocol.records import CallRecord, Record
from airflow_provider_signalwire.client.protocol.redaction import Secrets
from airflow_provider_signalwire.client.protocol.request import FORM_HEADERS, ApiRequest
from airflow_provider_signalwire.client.protocol.responses import MAX_BODY_BYTES, body_too_large, read_answer
from airflow_provider_signalwire.client.transport.failures import connection_error
from airflow_provider_signalwire.client.transport.tls import ssl_context
from airflow_provider_signalwire.exceptions import SignalWireError

T = TypeVar("T")


class SignalWireClient:
    """SignalWire for synchronous code; close it, or use it in a ``with`` statement.

    :param settings: Where to call, as whom, and how patiently.
    :param observer: Is told what the client does.
    """

    def __init__(self, settings: ClientSettings, *, observer: Observer = NOBODY) -> None:
        self.settings = settings
        self._observer = observer
        self._session = requests.Session()
        # The environment's proxy is in the settings; a netrc file must not replace the login.
        self._session.trust_env = False
        self._session.headers = requests.structures.CaseInsensitiveDict(settings.headers)
        if settings.ca_bundle:
            ssl_context(settings)  # requests would take a bad file for a bad server
        self._session.verify = settings.ca_bundle or settings.verify
        if settings.proxy:
            self._session.proxies = {"http": settings.proxy, "https": settings.proxy}

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end and return its result."""
        try:
            step = next(flow)
            while True:
                try:
                    answer = self._take(step)
                except SignalWireError as error:
                    step = flow.throw(error)
                else:
                    step = flow.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value, typed by Flow[T]
        finally:
            flow.close()

    def iterate(self, pager: CallPager) -> Iterator[CallRecord]:
        """Yield the calls of a listing, fetching a page when it is needed."""
        while not pager.exhausted:
            yield from self.run(pager.next_page())

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _take(self, step: ApiRequest | Pause) -> Record | None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        started = time.monotonic()
        try:
            return self._send(step)
        except SignalWireError as error:
            if not may_be_sent_again(step, error):
                raise
            failure = error
        return self._send_again(step, failure, started)

    def _send_again(self, request: ApiRequest, failure: SignalWireError, started: float) -> Record:
        """Go on after a first attempt that failed; only then is the retry policy's machinery worth its time."""
        policy = retry_arguments(request, self.settings, spent=time.monotonic() - started)
        sending = Retrying(**observed(policy, request, self._observer))

        def send(request: ApiRequest) -> Record:
            if sending.statistics["attempt_number"] == 1:
                raise failure  # to the policy, the first attempt is the one that has been made
            return self._send(request)

        record: Record = sending(send, request)
        return record

    def _send(self, request: ApiRequest) -> Record:
        """Send a request once, and let the observer know."""
        with Attempt(request, self._observer):
            return self._exchange(request)

    def _exchange(self, request: ApiRequest) -> Record:
        started = time.monotonic()
        try:
            response = self._session.request(
                request.method,
                self.settings.origin + request.target,
                data=request.body,
                headers=FORM_HEADERS if request.form else None,
                timeout=(self.settings.connect_timeout, self.settings.timeout),
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            raise connection_error(request, self.settings, error, kind=_kind(error)) from None
        with response:
            body = self._read_body(request, response, deadline=started + self.settings.timeout)
        return read_answer(
            request,
            status=response.status_code,
            headers=response.headers,
            body=body,
            secrets=Secrets(self.settings.secrets),
        )

    def _read_body(self, request: ApiRequest, response: requests.Response, *, deadline: float) -> bytes:
        """Read what there is until the end, the deadline or the limit; requests itself bounds only each wait."""
        # urllib3 1.26 has no read1: there, the deadline is looked at less often.
        read: Any = getattr(response.raw, "read1", response.raw.read)
        body = bytearray()
        while True:
            try:
                chunk = read(65536)
            except (HTTPError, OSError) as error:
                kind = "timeout" if isinstance(error, ReadTimeoutError) else "lost"
                raise connection_error(request, self.settings, error, kind=kind) from None
            if not chunk:
                return bytes(body)
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise body_too_large(request, response.status_code)
            if time.monotonic() > deadline:
                raise connection_error(request, self.settings, TimeoutError(), kind="timeout")


def _kind(error: requests.RequestException) -> str:
    if isinstance(error, requests.ReadTimeout):
        return "timeout"
    if isinstance(error, requests.ConnectTimeout):
        return "connect"
    # urllib3 tells why it gave up; requests wraps that like any other connection error.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.exceptions.ProxyError):
        # A connection that breaks after the request was sent is blamed on the proxy, too.
        return "lost" if isinstance(getattr(reason, "original_error", None), ConnectionError) else "connect"
    return "connect" if isinstance(reason, NewConnectionError) else "lost"
