"""Start and stop a stream of a call or a conference: arguments in, the request to send out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from airflow_provider_signalwire.client.protocol import records
from airflow_provider_signalwire.client.protocol import validation as inputs
from airflow_provider_signalwire.client.protocol.options import Options, boolean_text, given_fields, validate_parameters
from airflow_provider_signalwire.client.protocol.records import STREAM_STOPPED, StreamRecord
from airflow_provider_signalwire.client.protocol.redaction import clears_locals
from airflow_provider_signalwire.client.protocol.request import ApiRequest, Fields, quote_sid
from airflow_provider_signalwire.client.protocol.stream_parents import StreamParent
from airflow_provider_signalwire.exceptions import SignalWireConfigurationError

STREAM_CODECS = frozenset({"PCMU", "PCMA", "L16", "L16@16000h", "L16@24000h"})
STREAM_TRACKS = frozenset({"inbound_track", "outbound_track", "both_tracks"})
CALLBACK_METHODS = frozenset({"GET", "POST"})
MAX_STREAM_PARAMETERS = 99


@clears_locals
def start_stream(
    parent: StreamParent,
    account_sid: str,
    parent_sid: str,
    *,
    url: str,
    name: str,
    track: str | None = None,
    status_callback: str | None = None,
    status_callback_method: str | None = None,
    parameters: Mapping[str, str] | None = None,
    authorization_bearer_token: str | None = None,
    codec: str | None = None,
    real_time: bool | None = None,
) -> ApiRequest[StreamRecord]:
    """Start a media stream under a name, by which it can be stopped. It is not safe to repeat."""
    url = inputs.validate_url("url", url, schemes=("wss",))
    name = inputs.validate_sid("name", name)  # the stream is stopped by it
    if status_callback_method is not None and status_callback is None:
        raise SignalWireConfigurationError(
            "Parameter 'status_callback_method' is given without 'status_callback': expected both or neither."
        )
    callback_url = partial(inputs.validate_url, schemes=("https", "http"))
    callback_method = partial(inputs.validate_choice, allowed=CALLBACK_METHODS)
    token = partial(inputs.validate_text, may_be_secret=True)
    options: Options = (
        ("Track", "track", track, partial(inputs.validate_choice, allowed=STREAM_TRACKS)),
        ("StatusCallback", "status_callback", status_callback, callback_url),
        ("StatusCallbackMethod", "status_callback_method", status_callback_method, callback_method),
        ("StreamCodec", "codec", codec, partial(inputs.validate_choice, allowed=STREAM_CODECS)),
        ("StreamRealTime", "real_time", real_time, boolean_text),
        ("AuthorizationBearerToken", "authorization_bearer_token", authorization_bearer_token, token),
    )
    return ApiRequest(
        operation=f"start_{parent.noun}_stream",
        method="POST",
        path=f"{parent.path(account_sid, parent_sid)}/Streams",
        description=f"start stream {quote_sid(name)} on {parent.noun} {quote_sid(parent_sid)}",
        read_record=records.stream_record,
        form=(
            ("Url", url),
            ("Name", name),
            *given_fields(options),
            *(() if parameters is None else _stream_parameters(parameters)),
        ),
        advice={404: parent.not_found_advice},
        safe_to_repeat=False,
    )


@clears_locals
def stop_stream(
    parent: StreamParent,
    account_sid: str,
    parent_sid: str,
    stream_sid: str,
    *,
    start: ApiRequest[StreamRecord] | None = None,
) -> ApiRequest[StreamRecord]:
    """Stop a media stream by its SID or its name. Repeating the stop is how its status is read.

    :param start: The start of the stream, if it is known.
    """
    return ApiRequest(
        operation=f"stop_{parent.noun}_stream",
        method="POST",
        path=f"{parent.path(account_sid, parent_sid)}/Streams/{inputs.encode_path_segment('stream_sid', stream_sid)}",
        description=f"stop stream {quote_sid(stream_sid)} on {parent.noun} {quote_sid(parent_sid)}",
        read_record=records.stream_record,
        form=(("Status", STREAM_STOPPED),),
        follows=start,
    )


def _stream_parameters(parameters: Mapping[str, str]) -> Fields:
    valid = validate_parameters("parameters", parameters, maximum=MAX_STREAM_PARAMETERS)
    return tuple(
        field
        for index, (name, value) in enumerate(valid.items(), start=1)
        for field in ((f"Parameter{index}.Name", name), (f"Parameter{index}.Value", value))
    )
