"""Starts: a task that succeeds has started one stream, a task that fails left none or says so.

Every test runs for a stream of a call and for one of a conference.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext

import pytest
from simulated import STARTS, http_status, methods, running, streams

from airflow_provider_signalwire._compat import AirflowTaskTimeout
from airflow_provider_signalwire.client.protocol.stream_parents import CALL, CONFERENCE
from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireConnectionError,
    SignalWireRequestError,
)
from airflow_provider_signalwire.operators import current_try, start_guard
from airflow_provider_signalwire.operators.call_stream import StartCallStreamOperator
from airflow_provider_signalwire.operators.conference_stream import StartConferenceStreamOperator
from airflow_provider_signalwire.operators.start_guard import TaskKilled

URL = "wss://media.example.com/stream"


OPERATORS = {CALL: StartCallStreamOperator, CONFERENCE: StartConferenceStreamOperator}


@pytest.fixture(params=[CALL, CONFERENCE], ids=lambda parent: parent.noun)
def parent(request):
    """What the streams belong to."""
    return request.param


@pytest.fixture
def seed(parent, simulator):
    """Add a call or a conference, and return its SIDs and those of its streams."""
    seeds = {CALL: simulator.seed, CONFERENCE: simulator.seed_conferences}
    return lambda **plan: seeds[parent](**plan)[0]


@pytest.fixture
def parent_sid(seed, connection, no_backoff):
    return seed()["sid"]


@pytest.fixture
def make_operator(parent, parent_sid):
    def make(**arguments):
        return OPERATORS[parent](task_id="media", **{parent.id_name: parent_sid, "url": URL, **arguments})

    return make


@pytest.fixture
def start(make_operator, run_task):
    """Run the operator."""

    def start(*, try_number=1, map_index=-1, **arguments):
        context = run_task.context(try_number=try_number, map_index=map_index)
        return make_operator(**arguments).execute(context)

    return start


def test_start_returns_the_record_of_the_only_stream(simulator, start, parent, parent_sid):
    record = start()
    assert set(record) == {"sid", "account_sid", parent.id_name, "name", "status", "date_updated", "uri"}
    assert record[parent.id_name] == parent_sid
    assert running(simulator) == [record["sid"]]
    assert methods(simulator) == "POST"


def test_start_runs_in_an_empty_context(simulator, make_operator):
    operator = make_operator()
    assert operator.execute({})["sid"] in running(simulator)
    assert operator.do_xcom_push


@pytest.mark.parametrize(("map_index", "suffix"), [(-1, ""), (None, ""), (0, ".0"), (7, ".7")])
def test_default_name_is_that_of_the_task(start, map_index, suffix):
    assert start(map_index=map_index)["name"] == f"adhoc_airflow.media{suffix}"


def test_every_argument_is_sent(simulator, start):
    start(
        name="my stream",
        track="inbound_track",
        status_callback="http://127.0.0.1:9/callback",
        status_callback_method="GET",
        parameters={"language": "en", "who": "Ann & Bob"},
        authorization_bearer_token="token-of-the-bot",
    )
    [request] = simulator.requests("/Streams")
    assert request["form"] == {
        "Url": URL,
        "Name": "my stream",
        "Track": "inbound_track",
        "StatusCallback": "http://127.0.0.1:9/callback",
        "StatusCallbackMethod": "GET",
        "Parameter1.Name": "language",
        "Parameter1.Value": "en",
        "Parameter2.Name": "who",
        "Parameter2.Value": "Ann & Bob",
        "AuthorizationBearerToken": "redacted",
    }


@pytest.mark.parametrize("parent", [CONFERENCE], ids=["conference"], indirect=True)
@pytest.mark.parametrize(
    ("real_time", "sent"), [(True, "true"), (False, "false"), ("true", "true"), ("False", "false")]
)
def test_codec_and_real_time_are_sent_for_a_conference(simulator, start, real_time, sent):
    start(codec="L16@24000h", real_time=real_time)
    [request] = simulator.requests("/Streams")
    assert (request["form"]["StreamCodec"], request["form"]["StreamRealTime"]) == ("L16@24000h", sent)


@pytest.mark.parametrize("parent", [CONFERENCE], ids=["conference"], indirect=True)
@pytest.mark.parametrize(
    "arguments", [{"codec": "OPUS"}, {"codec": ""}, {"real_time": "yes"}, {"real_time": 1}], ids=str
)
def test_invalid_codec_or_real_time_is_refused_before_any_request(simulator, start, arguments):
    with pytest.raises(SignalWireConfigurationError, match=f"'{next(iter(arguments))}'"):
        start(**arguments)
    assert simulator.requests() == []


def test_record_and_each_key_are_pushed_once(start, run_task):
    record = start()
    assert run_task.pushed == [*record.items(), ("return_value", record)]


@pytest.mark.parametrize("key", ["", "..", "a/b", "sid?x", "sid#x", "%41", "a\nb", "x" * 251, "return_value"])
def test_key_that_cannot_be_one_of_an_xcom_is_in_the_record_only(simulator, start, run_task, key):
    simulator.set_faults([{"match": STARTS, "kind": "patch", "set": {key: "new"}}])
    record = start()
    assert record[key] == "new"
    known = [(name, value) for name, value in record.items() if name != key]
    assert run_task.pushed == [*known, ("return_value", record)]


def test_name_in_use_is_refused_and_its_stream_goes_on(simulator, start, parent, seed, monkeypatch):
    monkeypatch.setattr(start_guard, "CLEARING_DISCARDS_STATE", True)
    seeded = seed(streams=[{"name": "adhoc_airflow.media"}])
    advice = f"already runs on this {parent.noun}, stop it or choose another name"
    for try_number in (1, 2):
        with pytest.raises(SignalWireRequestError, match=advice):
            start(**{parent.id_name: seeded["sid"]}, try_number=try_number)
    assert running(simulator) == [seeded["streams"][0]["sid"]]


@pytest.mark.parametrize(
    ("name", "discards_state", "is_replaced"), [(None, True, True), ("my stream", True, False), (None, False, False)]
)
def test_cleared_task_replaces_only_the_stream_of_its_default_name(
    simulator, start, run_task, monkeypatch, name, discards_state, is_replaced
):
    monkeypatch.setattr(start_guard, "CLEARING_DISCARDS_STATE", discards_state)
    first = start(name=name)
    run_task.store.entries.clear()  # what Airflow 3.4 does when a task is cleared
    refusal = pytest.raises(SignalWireRequestError, match="stop it or choose another name")
    with nullcontext() if is_replaced else refusal:
        start(name=name, try_number=2)
    assert [stream["status"] for stream in streams(simulator)].count("stopped") == is_replaced
    assert len(running(simulator)) == 1
    assert (running(simulator) == [first["sid"]]) is not is_replaced


def test_telephone_number_in_a_name_is_neither_stored_nor_logged(simulator, start, run_task, make_connection, caplog):
    caplog.set_level(logging.INFO)
    make_connection(extra={"max_attempts": 1})
    simulator.set_faults([{"match": STARTS, "kind": "reset", "when": "after"}, http_status(401)])
    with pytest.raises(SignalWireConnectionError):
        start(name="caller +15550100001")
    assert "5550100001" not in str(run_task.store.get("signalwire_start"))
    simulator.set_faults([])
    assert start(name="caller +15550100001", try_number=2)["name"] == "caller +15550100001"
    assert "('caller +***0001') on" in caplog.text
    assert "5550100001" not in caplog.text
    assert len(running(simulator)) == 1


def test_next_try_that_cannot_clean_up_starts_nothing_and_says_so(simulator, start, run_task, parent):
    intent = {parent.id_name: start()[parent.id_name], "name": "adhoc_airflow.media", "since": 1_790_000_000.0}
    run_task.store.set("signalwire_start", intent)
    simulator.set_faults([http_status(401)])
    with pytest.raises(
        SignalWireAuthenticationError, match=r"may be running on (call|conference) .* since 2026-09-21T"
    ):
        start(try_number=2)
    assert len(streams(simulator)) == 1
    assert run_task.store.get("signalwire_start") is not None


class TestTaskThatEndsEarly:
    """Each test ends a task whose start was, or may have been, processed."""

    @pytest.fixture
    def end_during(self, monkeypatch, make_operator, run_task):
        """Raise an error, or call on_kill, when the record is pushed or later; return operator and error."""

        def end(raised, *, when="the record is pushed"):
            operator = make_operator()
            context = run_task.context()

            def raise_it(*args, **kwargs):
                raise raised if raised is not None else operator.on_kill()

            if when == "the record is pushed":
                context["ti"].xcom_push = raise_it
            else:
                monkeypatch.setattr("airflow_provider_signalwire.operators.stream.write_stream_event", raise_it)
            with pytest.raises(BaseException) as caught:  # noqa: PT011 - TaskKilled is not an Exception
                operator.execute(context)
            return operator, caught.value

        return end

    @pytest.mark.parametrize(
        ("raised", "expected"),
        [
            (OSError("The API server is unreachable."), OSError),
            (AirflowTaskTimeout("Timed out"), AirflowTaskTimeout),
            pytest.param(None, TaskKilled, id="on_kill"),
        ],
    )
    @pytest.mark.parametrize("when", ["the record is pushed", "the journal is written"])
    def test_stream_is_stopped(self, simulator, end_during, run_task, raised, expected, when):
        operator, error = end_during(raised, when=when)
        assert type(error) is expected
        assert running(simulator) == []
        assert len(streams(simulator)) == 1
        assert not run_task.store.get("signalwire_start")
        sent = methods(simulator)
        operator.on_kill()  # ignored from here on
        assert methods(simulator) == sent

    def test_on_kill_before_the_start_prevents_it(self, simulator, make_operator):
        operator = make_operator()
        operator.on_kill()
        with pytest.raises(TaskKilled):
            operator.execute({})
        assert simulator.requests() == []

    def test_on_kill_after_the_record_is_stored_stops_the_stream(self, simulator, make_operator, run_task, caplog):
        caplog.set_level(logging.INFO)
        operator = make_operator(name="caller +15550100001")
        operator.execute(run_task.context())
        with pytest.raises(TaskKilled):
            operator.on_kill()
        operator.on_kill()
        assert running(simulator) == []
        assert "Stream is stopped: 'caller +***0001'" in caplog.text
        assert "5550100001" not in caplog.text

    def test_failed_cleanup_is_said_in_error_and_log(self, simulator, end_during, monkeypatch, caplog):
        monkeypatch.setattr(start_guard, "_CLEANUP_SECONDS", 0.2)
        simulator.set_faults([http_status(503)])
        _, error = end_during(OSError("The API server is unreachable."))
        [note] = error.__notes__
        assert "'adhoc_airflow.media' may be running" in note
        assert note in caplog.text
        assert len(running(simulator)) == 1

    def test_try_that_airflow_has_given_up_stops_nothing(self, simulator, end_during, monkeypatch):
        monkeypatch.setattr(current_try, "_is_given_up", lambda context: True)
        _, error = end_during(AirflowTaskTimeout("Timed out"))
        assert "Nothing was stopped: the try was given up" in error.__notes__[0]
        assert len(running(simulator)) == 1
