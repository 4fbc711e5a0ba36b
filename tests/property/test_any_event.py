"""Any event in the place of a trigger's is a record or a SignalWireError, whoever wrote it into Airflow's database."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from steady import STEADY

from airflow_provider_signalwire import exceptions
from airflow_provider_signalwire.triggers.events import record_of

plain = st.none() | st.booleans() | st.integers() | st.text(max_size=10)
json_values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
names = st.sampled_from([name for name in vars(exceptions) if name.startswith("SignalWire")]) | st.text(max_size=10)
events = json_values | st.fixed_dictionaries(
    {"status": st.sampled_from(["success", "error"]) | json_values},
    optional={"record": json_values, "error": names | json_values, "message": json_values, "attributes": json_values},
)


@settings(STEADY, max_examples=300)
@given(event=events)
@example(event={"status": "error", "error": "SignalWireApiError", "attributes": "x"})
@example(event={"status": "error", "error": "SignalWireError", "attributes": {"args": [1], "__class__": "x"}})
def test_any_event_gives_its_record_or_an_error(event):
    is_success = isinstance(event, dict) and event.get("status") == "success" and "record" in event
    try:
        record = record_of(event)
    except exceptions.SignalWireError:
        assert not is_success
    else:
        assert is_success
        assert record is event["record"]
