"""Any text as a SID or a name, in any place of any endpoint, arrives as it is or is refused before anything is sent."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import unquote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis_profile import REPRODUCIBLE

from airflow_provider_signalwire.client.flows.stop import stop_stream
from airflow_provider_signalwire.client.policy.steps import send
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.client.transport.async_client import SignalWireAsyncClient
from airflow_provider_signalwire.client.transport.sync_client import SignalWireClient
from airflow_provider_signalwire.exceptions import SignalWireApiError, SignalWireConfigurationError

awkward = st.text(st.sampled_from("%+?#&;~'\" /\\.=:@,$!*()[]{}|^<>\t\n\x7f\x85\u2028\ud800é通"), max_size=6)
any_text = (
    awkward | st.text(max_size=8) | st.sampled_from([".", "..", "None", " a", "a.json", ".json", "%2e%2e", "x" * 300])
)
acceptable = st.text("%+?#&;~'\" .=:@é通ab", min_size=1, max_size=6)

FLOWS = {
    "stop": lambda a, c, s: send(endpoints.stop_call_stream(a, c, s)),
    "stop and read the call": stop_stream,
    "start": lambda a, c, s: send(endpoints.start_call_stream(a, c, name=s, url="wss://example.com")),
    "read call": lambda a, c, _: send(endpoints.get_call(a, c)),
    "hang up": lambda a, c, _: send(endpoints.update_call(a, c, status="completed")),
    "delete": lambda a, c, _: send(endpoints.delete_call(a, c)),
    "record": lambda a, c, _: send(endpoints.start_call_recording(a, c)),
    "pause recording": lambda a, c, s: send(endpoints.update_call_recording(a, c, s, status="paused")),
    "read project": lambda a, *_: send(endpoints.get_account(a)),
    "list": lambda a, *_: send(endpoints.list_calls(a)),
}


def run_sync(client_settings, flow):
    with SignalWireClient(client_settings) as client:
        client.run(flow)


def run_async(client_settings, flow):
    async def drive():
        async with SignalWireAsyncClient(client_settings) as client:
            await client.run(flow)

    asyncio.run(drive())


def would_not_arrive(text):
    """Return whether a string cannot be one segment of the API's paths."""
    control = any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)
    unsendable = any(character in "\u2028\u2029" or "\ud800" <= character <= "\udfff" for character in text)
    ambiguous = text in (".", "..") or text.endswith(".json") or "/" in text or "\\" in text
    missing = text.strip() in ("", "None", "null") or text != text.strip()
    invisible = not (text[:1] + text[-1:]).isprintable()  # also a character that this Python's Unicode does not know
    return missing or invisible or control or unsendable or ambiguous


@pytest.mark.parametrize("run", [run_sync, run_async], ids=["sync", "async"])
@settings(REPRODUCIBLE, max_examples=120)
@given(name=st.sampled_from(list(FLOWS)), texts=st.tuples(*[any_text | acceptable] * 3))
@example(name="stop", texts=("project", "call", "stream.JSON"))
def test_any_id_arrives_unchanged_or_is_refused(run, simulator, settings, name, texts):
    simulator.reset()
    refusal = None
    try:
        with contextlib.suppress(SignalWireApiError):
            run(settings, FLOWS[name](*texts))
    except SignalWireConfigurationError as error:
        refusal = str(error)
    if refusal is not None:
        assert simulator.requests() == []
        assert refusal.isprintable()
        assert any(would_not_arrive(text) for text in texts)
    else:
        first = simulator.requests()[0]
        segments = [unquote(segment) for segment in first["path"].split("/")[5::2]]
        assert segments == list(texts[: len(segments)])
        assert not any(would_not_arrive(text) for text in segments)
        assert name != "start" or first["form"]["Name"] == texts[2]
