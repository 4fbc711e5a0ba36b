"""No telephone number is shown in full, and nothing else is taken for one."""

from __future__ import annotations

import logging
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_signalwire.client.protocol.redaction import mask_phone_numbers
from airflow_provider_signalwire.exceptions import SignalWireError
from airflow_provider_signalwire.hooks.signalwire import SignalWireHook
from airflow_provider_signalwire.sensors.call import CallStatusSensor
from airflow_provider_signalwire.triggers.events import call_record_of

NUMBER = "+15551234567"
OTHER = "+4915112345678"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("To +15551234567 failed", "To +***4567 failed"),
        ("'+4915112345678'", "'+***5678'"),
        ("+15551234567, +15557654321.", "+***4567, +***4321."),
        ("+15551234567 404", "+***4567 404"),
        ("?To=%2B15551234567&From=%2b4915112345678", "?To=+***4567&From=+***5678"),
        ("+1 (555) 123-4567", "+***4567"),
        ("+49 151 1234 5678", "+***5678"),
        ("(555) 123-4567", "***4567"),
        ("555-123-4567", "***4567"),
        ("15551234567", "***4567"),
        ("sip:+15551234567@example.com", "sip:+***4567@example.com"),
        ("tel:+15551234567", "tel:+***4567"),
        ("+***4567", "+***4567"),
        ("1-555-123-4567", "***4567"),
        ("1 (555) 123-4567, 001 555 123 4567", "***4567, ***4567"),
        ("+49 (0)151 12345678 or 0151/12345678", "+***5678 or ***5678"),
        ("+1.555.123.4567", "+***4567"),
        ("+1\u00a0555\u00a0123\u20114567", "+***4567"),
        ("%2B1%20555%20123%204567", "+***4567"),
        ("5551234567x89", "***4567x89"),
        (
            "call-15551234567-media, dag_15551234567, dag.task.555-123-4567",
            "call-***4567-media, dag_***4567, dag.task.***4567",
        ),
        ("15551234567 15557654321", "***4567 ***4321"),
        ("555 123 4567 555 765 4321", "***4321"),
    ],
)
def test_number_is_masked_but_for_its_last_four_digits(text, masked):
    assert mask_phone_numbers(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "12345678-1234-1234-1234-123456789012",
        "stream 'CA12345678901234567890' on call 'b3877c40-da60-4998-90ad-b792e98472st'",
        "HTTP 404, code 20404, 13800 per 10 seconds",
        "Sun, 22 Nov 2026 07:59:55 +0000, Sunday, 22-Nov-26 07:59:55 GMT, Sun Nov 22 07:59:55 2026",
        "2026-11-22T07:59:55+00:00 2026-11-22 07:59:55.123456+0000 2026-11-22 07:59:55,123",
        "20261122075955, 11/22/2026 07:59, 22.11.2026 07:59",
        "1767225600, 1767225600.123, 1767225600123",
        "manual__2026-11-22T07:59:55.123456+00:00",
        "http://127.0.0.1:8787/api/laml/2010-04-01/Accounts/5a1c0f6e-9d34-4b7a-8f21-600000000002/Calls",
        "192.168.100.200:8080",
        "took 12345.67890 s, 0.12345678901, 100000/1000000 rows",
    ],
)
def test_other_digits_are_left_alone(text):
    assert mask_phone_numbers(text) == text


@given(sid=st.uuids() | st.integers(0, 10**32 - 1).map(lambda digits: uuid.UUID(f"{digits:032}")))
def test_sid_is_not_masked(sid):
    text = f"Tried to stop stream '{sid}' on call {str(sid).upper()}: /Calls/{sid}/Streams/{sid}.json"
    assert mask_phone_numbers(text) == text


@given(
    number=st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), before=st.sampled_from(["", "'", " ", "%", "=", ":"])
)
def test_any_number_is_masked(number, before):
    assert number[1:] not in mask_phone_numbers(f"{before}{number}")


@given(number=st.from_regex(r"[0-9]{5,15}", fullmatch=True))
def test_a_known_number_is_masked_however_it_is_written(number):
    spaced = " ".join(number)
    masked = mask_phone_numbers(f"The number {number} (To={number}, {spaced}) is invalid.", known=[number])
    assert number not in masked
    assert len(number) < 7 or spaced not in masked


@pytest.fixture
def everything_shown(caplog):
    """What the provider has logged, at every level, and an error's every word."""
    caplog.set_level(logging.DEBUG, logger="airflow_provider_signalwire")

    def shown(error: SignalWireError) -> str:
        logged = [record.getMessage() for record in caplog.records if record.name.startswith("airflow_provider")]
        return "\n".join([str(error), repr(error), str(vars(error)), str(error.to_event()), *logged])

    return shown


@pytest.fixture
def hook(connection):
    return SignalWireHook(connection)


def fault(message):
    body = {"code": 21211, "message": message, "more_info": f"https://example.com/?n=%2B{NUMBER[1:]}", "status": 400}
    return {"kind": "json", "status": 400, "body": body, "times": None}


class TestAnErrorThatQuotes:
    @pytest.mark.parametrize(
        ("message", "ask", "hidden", "shown"),
        [
            (
                f"The 'To' number {NUMBER} is not valid, nor is {NUMBER[1:]}.",
                lambda hook: list(hook.list_calls(to=NUMBER, from_=OTHER)),
                [NUMBER[1:]],
                "number +***4567 is not valid, nor is ***4567",
            ),
            (
                "5551234 is not in E.164 format",
                lambda hook: hook.create_call("5551234", OTHER, url="https://example.com"),
                ["5551234"],
                "is not in E.164 format",
            ),
            (
                f"The call from {NUMBER} to {OTHER} is gone",
                lambda hook: hook.get_call("call"),
                [NUMBER[1:], OTHER[1:]],
                "from +***4567 to +***5678 is gone",
            ),
        ],
        ids=["a parameter", "a local number", "a number of a call"],
    )
    def test_a_number(self, simulator, hook, everything_shown, message, ask, hidden, shown):
        simulator.set_faults([fault(message)])
        with pytest.raises(SignalWireError, match=re.escape(shown)) as caught:
            ask(hook)
        assert not any(digits in everything_shown(caught.value) for digits in hidden)

    def test_and_is_retried(self, simulator, hook, everything_shown, no_backoff):
        simulator.set_faults([{**fault(f"Calls to {NUMBER} are slow"), "status": 503}])
        with pytest.raises(SignalWireError) as caught:
            hook.get_call("call")
        assert "retrying in" in everything_shown(caught.value)
        assert NUMBER[1:] not in everything_shown(caught.value)


def test_a_streams_name(hook, stream, everything_shown):
    with pytest.raises(SignalWireError) as caught:
        hook.stop_call_stream(stream["call_sid"], NUMBER)
    assert f"stop stream '+***4567' on call '{stream['call_sid']}'" in str(caught.value)
    assert NUMBER[1:] not in everything_shown(caught.value)


def test_an_unknown_event_that_holds_a_call():
    with pytest.raises(SignalWireError) as caught:
        call_record_of({"sid": "call", "to": NUMBER}, call_sid="call", target_statuses=["completed"])
    assert NUMBER[1:] not in str(caught.value)


def test_a_record_is_left_as_it_is(simulator, hook, connection, context, caplog, capfd):
    caplog.set_level(logging.DEBUG, logger="airflow_provider_signalwire")
    [call] = simulator.seed(to=NUMBER, status="completed")
    assert hook.get_call(call["sid"])["to"] == NUMBER
    assert [found["to"] for found in hook.list_calls(to=NUMBER)] == [NUMBER]
    found = CallStatusSensor(task_id="wait", call_sid=call["sid"]).poke(context)
    assert found.xcom_value["to"] == NUMBER
    assert NUMBER[1:] not in "\n".join([*caplog.messages, capfd.readouterr().out])
