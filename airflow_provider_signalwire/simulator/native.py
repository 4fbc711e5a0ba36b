"""The native engine: calls that SWML, a Call Flow or RELAY made, and the Calling API, whose commands act on them."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from airflow_provider_signalwire.simulator.compatibility.calls import Call
from airflow_provider_signalwire.simulator.compatibility.forms import Url, check_scheme
from airflow_provider_signalwire.simulator.errors import ApiError, StrictModel, describe_problem, parse_json_object
from airflow_provider_signalwire.simulator.resources import Record, Resource
from airflow_provider_signalwire.simulator.routing import Router
from airflow_provider_signalwire.simulator.store import Store

CALLING = Router(
    prefix="/api/calling",
    read_body=lambda content_type, body: parse_json_object(body),
    errors={
        **dict.fromkeys((400, 401, 404, 413, 414, 500, 503), "NativeError"),
        **dict.fromkeys((422, 429), "NativeErrors"),
    },
    default_error="NativeError",
)
NativeCallStatus = Literal[
    "queued", "initiated", "created", "ringing", "answered", "ending", "ended", "failed", "canceled", "completed"
]


@dataclasses.dataclass(slots=True, eq=False, kw_only=True)
class NativeCall(Resource):
    """A call that is not in the Compatibility API. The SID of one of its streams is its control id."""

    kind = "native_call"
    sid_key = "call_id"
    statuses = get_args(NativeCallStatus)
    running_status = "answered"
    ended_statuses = statuses[-4:]

    to: str
    from_: str

    def record(self, now: float) -> Record:
        """Return the call's record."""
        created_at = datetime.datetime.fromtimestamp(int(self.created_at), datetime.UTC)
        return {
            "id": self.sid,
            "from": self.from_,
            "to": self.to,
            "direction": "outbound-api",
            "source": "realtime_api",
            "url": None,
            "charge": 0.0,
            "created_at": created_at.isoformat().replace("+00:00", "Z"),
            "charge_details": [],
            "status": self.status(now),
            **dict.fromkeys(("duration", "duration_ms", "billing_ms", "parent_id")),
            "type": "relay_pstn_call",
        }

    def summary(self, now: float) -> Record:
        """Return what the simulator's state shows of the call."""
        return {**Resource.summary(self, now), "to": self.to, "from": self.from_}


Text = Annotated[str, Field(max_length=2048)]


class StopParams(StrictModel):
    """Parameters of ``calling.stream.stop``."""

    control_id: Annotated[Text, Field(min_length=1)]


class StreamParams(StopParams):
    """Parameters of ``calling.stream``."""

    url: Annotated[Text, check_scheme("wss")]
    name: Text = ""
    codec: Text = ""
    track: Literal["inbound_track", "outbound_track", "both_tracks"] = "inbound_track"
    authorization_bearer_token: Text = ""
    custom_parameters: dict[str, Any] = Field(default={})
    status_url: Url | None = None
    status_url_method: Literal["GET", "POST"] = "POST"


class StreamCommand(StrictModel):
    """Start a stream."""

    command: Literal["calling.stream"]
    id: str
    params: StreamParams


class StopCommand(StrictModel):
    """Stop a stream."""

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
        raise _refusal("invalid_call_id_passed", "The call id must not point to a cXML call.", "id")
    call = store.find(NativeCall, store.settings.project, command.id)
    now = store.clock()
    if (status := call.status(now)) != call.running_status:
        raise _refusal("invalid_state", f"The call is {status}, not {call.running_status}.")
    params, stream = command.params, call.streams.get(command.params.control_id)
    if isinstance(params, StreamParams):
        if stream is not None and stream.status(now) != "stopped":
            message = "The control id is already in use by an active stream of this call."
            raise _refusal("cannot_process", message, "control_id")
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
    elif stream is None:
        # No error is documented for this.
        raise _refusal("provided_id_is_unrecognized", "The call has no stream with this control id.", "control_id")
    else:
        store.stop(stream)
    return call.record(now)


def _refusal(code: str, message: str, attribute: str | None = None) -> ApiError:
    return ApiError(422, message, code=code, attribute=attribute)


def _parse(body: Any) -> StreamCommand | StopCommand:
    try:
        return _COMMANDS.validate_python(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        code = "missing_required_parameter" if problem["type"] in ("missing", "union_tag_not_found") else None
        attribute = str(problem["loc"][-1]) if problem["loc"] else "command"
        raise ApiError(422, describe_problem(error), code=code, attribute=attribute) from None
