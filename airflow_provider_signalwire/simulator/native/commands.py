"""The Calling API: one endpoint, which carries out commands. Its response is the call and means "accepted"."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from airflow_provider_signalwire.simulator.compatibility.calls import Call
from airflow_provider_signalwire.simulator.compatibility.fields import has_scheme
from airflow_provider_signalwire.simulator.errors import ApiError, describe_problem, parse_json_object
from airflow_provider_signalwire.simulator.native.calls import NativeCall
from airflow_provider_signalwire.simulator.resources import Record
from airflow_provider_signalwire.simulator.routing import Router
from airflow_provider_signalwire.simulator.store import Store

CALLING = Router(
    "/api/calling",
    read_body=lambda content_type, body: parse_json_object(body),
    errors={
        **dict.fromkeys((400, 401, 404, 413, 414, 500, 503), "NativeError"),
        422: "NativeErrors",
        429: "NativeErrors",
    },
    default_error="NativeError",
)

_MODEL = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def _check_scheme(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        if not has_scheme(url, *schemes):
            raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return url

    return AfterValidator(check)


Text = Annotated[str, Field(max_length=2048)]
ControlId = Annotated[str, Field(min_length=1, max_length=2048)]


class StreamParams(BaseModel):
    """Parameters of ``calling.stream``."""

    model_config = _MODEL

    control_id: ControlId
    url: Annotated[Text, _check_scheme("wss")]
    name: Text = ""
    codec: Text = ""
    track: Literal["inbound_track", "outbound_track", "both_tracks"] = "inbound_track"
    authorization_bearer_token: Text = ""
    custom_parameters: dict[str, Any] = {}
    status_url: Annotated[Text, _check_scheme("http", "https")] | None = None
    status_url_method: Literal["GET", "POST"] = "POST"


class StopParams(BaseModel):
    """Parameters of ``calling.stream.stop``."""

    model_config = _MODEL

    control_id: ControlId


class StreamCommand(BaseModel):
    """Start a stream."""

    model_config = _MODEL

    command: Literal["calling.stream"]
    id: str
    params: StreamParams


class StopCommand(BaseModel):
    """Stop a stream."""

    model_config = _MODEL

    command: Literal["calling.stream.stop"]
    id: str
    params: StopParams


Command = Annotated[StreamCommand | StopCommand, Field(discriminator="command")]
_COMMANDS: TypeAdapter[StreamCommand | StopCommand] = TypeAdapter(Command)


@CALLING.route("POST", "/calls", returns="NativeCall", body=Command)
def calling_command(store: Store, body: Any) -> Record:
    """Carry out a command on a call."""
    command = _parse(body)
    if isinstance(store.resources.get(command.id), Call):
        message = "The call id must not point to a cXML call."
        raise ApiError(422, message, code="invalid_call_id_passed", attribute="id")
    call = store.find(NativeCall, store.settings.project, command.id)
    if (status := call.status(store.clock())) != call.running_status:
        raise ApiError(422, f"The call is {status}, not {call.running_status}.", code="invalid_state")
    if isinstance(command, StreamCommand):
        _start(store, call, command.params)
    elif (stream := call.streams.get(command.params.control_id)) is None:
        # No error is documented for this.
        message = "The call has no stream with this control id."
        raise ApiError(422, message, code="provided_id_is_unrecognized", attribute="control_id")
    else:
        store.stop(stream)
    return call.record(store.clock())


def _start(store: Store, call: NativeCall, params: StreamParams) -> None:
    previous = call.streams.get(params.control_id)
    if previous is not None and previous.status(store.clock()) != "stopped":
        message = "The control id is already in use by an active stream of this call."
        raise ApiError(422, message, code="cannot_process", attribute="control_id")
    store.start(
        call,
        sid=params.control_id,
        name=params.name,
        url=params.url,
        track=params.track,
        parameters=params.custom_parameters,
        has_bearer_token=bool(params.authorization_bearer_token),
        callback_url=params.status_url or "",
        callback_method=params.status_url_method,
    )


def _parse(body: Any) -> StreamCommand | StopCommand:
    try:
        return _COMMANDS.validate_python(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        is_missing = problem["type"] in ("missing", "union_tag_not_found")
        raise ApiError(
            422,
            describe_problem(error),
            code="missing_required_parameter" if is_missing else "invalid_parameter",
            attribute=str(problem["loc"][-1]) if problem["loc"] else "command",
        ) from None
