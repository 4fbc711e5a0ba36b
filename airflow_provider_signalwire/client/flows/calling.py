"""Commands of the Calling API, and the start of a stream by it.

Starting is not safe to repeat. SignalWire documents that a control id is unique among a call's running streams, so
what an attempt with an unknown outcome may have started can be stopped by it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from airflow_provider_signalwire.client.policy.steps import ApiResponse, Flow, Pause, send
from airflow_provider_signalwire.client.protocol.records import CallingCallRecord
from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.client.protocol.request import ApiRequest
from airflow_provider_signalwire.exceptions import SignalWireError, SignalWireNotFoundError, SignalWireRequestError

log = logging.getLogger(__name__)

CallingRequest = ApiRequest[CallingCallRecord]

_POLL_SECONDS = 0.5


def run_command(request: CallingRequest) -> Flow[ApiResponse[CallingCallRecord]]:
    """Send a command. If it may have been processed, it is not repeated, and the error says so."""
    try:
        return (yield from send(request))
    except SignalWireError as failure:
        if failure.outcome == "unknown" and not request.safe_to_repeat:
            failure.add_advice("The command may have been processed, so it was not repeated.")
        raise


class CallingStreamStart:
    """One start of a stream, and whether it may have left a stream running.

    :param request: The start.
    :param stop: The stop of the same control id.
    :param call_id: The call.
    :param control_id: The stream's control id.
    """

    def __init__(self, request: CallingRequest, stop: CallingRequest, *, call_id: str, control_id: str) -> None:
        self.may_be_running = False
        self._request = request
        self._stop = replace(stop, follows=request)
        self._call_id = call_id
        self._control_id = control_id

    @property
    def warning(self) -> str:
        """The sentence that says which stream may be running."""
        control_id = mask_phone_numbers(repr(self._control_id))
        return (
            f"A stream with the control id {control_id} may be running on call {self._call_id!r}. Stop it with "
            "StopCallingStreamOperator, or end the call."
        )

    def run(self, *, stop_first: bool = False) -> Flow[ApiResponse[CallingCallRecord]]:
        """Start the stream. After an unknown outcome, the control id's stream is stopped before it is started again.

        :param stop_first: Whether an earlier start may have left a stream of the same control id.
        """
        if stop_first:
            self.may_be_running = yield from self.stop()
        try:
            return (yield from send(self._request, recover=self._recover))
        except SignalWireError as failure:
            if self.may_be_running:
                failure.add_advice(self.warning)
            raise

    def stop(self, *, seconds: float = 0.0) -> Flow[bool]:
        """Stop what may have been started, and return whether the stop was accepted.

        :param seconds: How long to repeat a stop that is refused: the start may still be processed.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                yield from send(self._stop, deadline=deadline if seconds else None)
                return True
            except (SignalWireNotFoundError, SignalWireRequestError):
                if time.monotonic() + _POLL_SECONDS >= deadline:
                    return False
            yield Pause(_POLL_SECONDS)

    def _recover(self, failure: SignalWireError) -> Flow[bool]:
        if failure.outcome == "not_processed":
            return failure.is_transient
        if failure.outcome == "refused" and not self.may_be_running:
            return False
        self.may_be_running = True
        log.warning("Stopping the stream of the same control id, in case it was started (%s).", type(failure).__name__)
        try:
            was_accepted = yield from self.stop()
        except SignalWireError as error:
            failure.add_advice(f"The attempt to stop it failed: {error}")
            raise failure from None
        # A refusal may mean that the control id is in use, by an earlier attempt that was processed after all.
        return failure.is_transient or (failure.outcome == "refused" and was_accepted)
