"""Request bodies of the Compatibility API: reading them, as a form or as JSON, and their fields."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_pascal

from airflow_provider_signalwire.simulator.errors import ApiError, describe_problem, parse_json_object

Fields = Mapping[str, "str | list[str]"]

_PARAMETER = re.compile(r"Parameter([0-9]+)\.(Name|Value)")


def read_fields(content_type: str, body: bytes) -> Fields:
    """Read a body. A field that is repeated becomes a list."""
    if content_type.partition(";")[0].strip().lower() == "application/json":
        items = parse_json_object(body).items()
        return {
            name: [_as_text(name, one) for one in item] if isinstance(item, list) else _as_text(name, item)
            for name, item in items
            if item is not None
        }
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}


def _as_text(name: str, value: object) -> str:
    if isinstance(value, str | bool | int | float):
        return value if isinstance(value, str) else json.dumps(value)
    raise ApiError(400, f"{name} must be a string, a number or a boolean.")


def text(fields: Fields, name: str) -> str:
    """Return a field's value, the last one if there are several; an empty string if it is missing."""
    value = fields.get(name, "")
    return value if isinstance(value, str) else value[-1] if value else ""


def stream_parameters(fields: Fields) -> dict[str, str]:
    """Collect ``Parameter1.Name``, ``Parameter1.Value`` to ``Parameter99.Value``."""
    parameters = {}
    for field in fields:
        if not (matched := _PARAMETER.fullmatch(field)):
            continue
        number = matched[1]
        if len(number) > 2 or int(number) == 0:
            raise ApiError(422, f"{field} is out of range: parameters are numbered 1 to 99.")
        name = text(fields, f"Parameter{number}.Name")
        if not name:
            raise ApiError(422, f"{field} needs Parameter{number}.Name.")
        parameters[name] = text(fields, f"Parameter{number}.Value")
    return parameters


def has_scheme(url: str, *schemes: str) -> bool:
    """Return whether a string is a URL with a host and one of some schemes."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def check_scheme(*schemes: str) -> AfterValidator:
    """Return a validator that accepts only URLs with one of some schemes."""

    def check(url: str) -> str:
        if not has_scheme(url, *schemes):
            raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
        return url

    return AfterValidator(check)


Url = Annotated[str, Field(max_length=2048, json_schema_extra={"format": "uri"}), check_scheme("http", "https")]
Method = Literal["GET", "POST"]
Flag = Literal["", "true", "false"]


class Form(BaseModel):
    """The fields of a request; unknown ones are ignored."""

    model_config = ConfigDict(alias_generator=to_pascal, hide_input_in_errors=True)

    @classmethod
    def parse(cls, fields: Fields, status: int = 422) -> Self:
        """Check the fields. An empty one counts as missing; of a repeated one, the last value counts.

        :raises ApiError: with this status, for the first invalid field
        """
        try:
            return cls.model_validate({name: value for name in fields if (value := text(fields, name))})
        except ValidationError as error:
            raise ApiError(status, describe_problem(error)) from None


class _WithStatusCallback(Form):
    status_callback: Url = ""
    status_callback_method: Method = "POST"


class _CallInstructions(_WithStatusCallback):
    url: Url = ""
    method: Method = "POST"
    fallback_url: Url = ""
    fallback_method: Method = "POST"


class NewRecording(Form):
    """Fields to start a recording."""

    recording_channels: Literal["mono", "dual"] = "mono"
    recording_track: Literal["inbound", "outbound", "both"] = "both"
    recording_status_callback: Url = ""
    recording_status_callback_method: Method = "POST"
    trim: Literal["trim-silence", "do-not-trim"] = "do-not-trim"


class NewCall(_CallInstructions, NewRecording):
    """Fields to create a call."""

    to: str
    from_: Annotated[str, Field(alias="From")]
    application_sid: str = ""
    laml: str = ""
    twiml: str = ""
    send_digits: Annotated[str, Field(pattern="^[0-9#*wW]{1,32}$")] = ""
    timeout: Annotated[int, Field(ge=1, le=600)] = 60
    machine_detection: Literal["Enable", "DetectMessageEnd", "none"] = "none"
    machine_detection_timeout: Annotated[int, Field(ge=1, le=120)] = 30
    machine_detection_speech_threshold: Annotated[int, Field(ge=1000, le=6000)] = 2400
    machine_detection_speech_end_threshold: Annotated[int, Field(ge=500, le=5000)] = 1200
    machine_detection_silence_timeout: Annotated[int, Field(ge=2000, le=10_000)] = 5000
    machine_words_threshold: Annotated[int, Field(ge=1, le=100)] = 6
    async_amd: Flag = ""
    async_amd_partial_results: Flag = ""
    record: Flag = ""
    async_amd_status_callback: Url = ""
    async_amd_status_callback_method: Method = "POST"
    max_price_per_minute: Annotated[str, Field(pattern=r"^[0-9]{1,9}\.?[0-9]{0,4}$")] = ""


class CallUpdate(_CallInstructions):
    """Fields to change a call."""

    status: Literal["", "canceled", "completed"] = ""


class NewStream(_WithStatusCallback):
    """Fields to start a stream of a call."""

    url: str
    name: str = ""
    track: Literal["inbound_track", "outbound_track", "both_tracks"] = "both_tracks"
    authorization_bearer_token: str = ""


class NewConferenceStream(NewStream):
    """Fields to start a stream of a conference."""

    stream_codec: Literal["", "PCMU", "PCMA", "L16", "L16@16000h", "L16@24000h"] = ""
    stream_real_time: Flag = ""


class StreamStop(Form):
    """Fields to stop a stream."""

    status: Literal["stopped"]


class RecordingUpdate(Form):
    """Fields to pause, resume or stop a recording."""

    status: Literal["paused", "in-progress", "stopped"]
    pause_behavior: Literal["skip", "silence"] = "silence"
