"""Any event is a stopped stream of the ids asked for, or an error of the provider, whoever wrote it to the database."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from airflow_provider_signalwire import exceptions
from airflow_provider_signalwire.client.protocol.stream_parents import CALL
from airflow_provider_signalwire.triggers.events import stream_record_of

plain = st.none() | st.booleans() | st.integers() | st.text(max_size=10)
json_values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
names = st.sampled_from([name for name in vars(exceptions) if name.startswith("SignalWire")]) | st.text(max_size=10)
ids = st.sampled_from(["call", "stream", "other", None])
records = st.fixed_dictionaries(
    {"sid": ids, "status": st.sampled_from(["stopped", "queued", None])}, optional={"call_sid": ids, "name": ids}
)
events = json_values | st.fixed_dictionaries(
    {"status": st.sampled_from(["success", "error"]) | json_values},
    optional={
        "record": records | json_values,
        "requested": st.just({"call_sid": "call", "stream_sid": "stream"}) | json_values,
        "error": names | json_values,
        "message": json_values,
        "attributes": json_values,
    },
)


@settings(max_examples=120)
@given(event=events)
@example(event={"status": "error", "error": "SignalWireApiError", "attributes": "x"})
@example(event={"status": "error", "error": "SignalWireError", "attributes": {"args": [1], "__class__": "x"}})
@example(event={"status": "success", "record": {"sid": "stream", "status": "stopped"}})
def test_any_event_is_a_stopped_stream_of_these_ids_or_an_error(event):
    try:
        record = stream_record_of(event, CALL, "call", "stream")
    except exceptions.SignalWireError:
        return
    assert event["status"] == "success"
    assert record is event["record"]
    assert record["status"] == "stopped"
    is_requested = event.get("requested") == {"call_sid": "call", "stream_sid": "stream"}
    assert is_requested or (
        record.get("call_sid", "call") == "call" and "stream" in (record["sid"], record.get("name"))
    )
