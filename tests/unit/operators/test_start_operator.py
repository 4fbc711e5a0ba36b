"""Starting a stream: exactly one runs when the task has succeeded, whatever happened on the way."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_signalwire.exceptions import (
    SignalWireAuthenticationError,
    SignalWireConfigurationError,
    SignalWireConnectionError,
    SignalWireNotFoundError,
    SignalWireRateLimitError,
    SignalWireRequestError,
    SignalWireServerError,
)

STARTS = {"method": "POST", "path_contains": "/Streams"}
KEYS = {"sid", "account_sid", "call_sid", "name", "status", "date_updated", "uri"}


@pytest.fixture
def call_sid(simulator, connection, no_backoff):
    [call] = simulator.seed()
    return call["sid"]


def streams(simulator):
    return simulator.state.snapshot()["streams"]


def running(simulator):
    return [stream for stream in streams(simulator) if stream["status"] != "stopped"]


def forms(simulator):
    return [request["form"] for request in simulator.requests("/Streams")]


def test_the_record_is_the_result(simulator, start, call_sid):
    record = start(call_sid=call_sid)

    assert set(record) == KEYS
    [stream] = running(simulator)
    assert (record["sid"], record["call_sid"], record["name"]) == (stream["sid"], call_sid, stream["name"])
    assert len(simulator.requests()) == 1


@pytest.mark.parametrize(
    ("map_index", "name"), [(-1, "calls.media"), (None, "calls.media"), (0, "calls.media.0"), (7, "calls.media.7")]
)
def test_the_default_name_is_the_tasks_and_the_same_in_every_run(simulator, start, call_sid, map_index, name):
    assert start(call_sid=call_sid, map_index=map_index)["name"] == name
    assert forms(simulator)[0]["Name"] == name


def test_every_argument_reaches_signalwire(simulator, start, call_sid):
    start(
        call_sid=call_sid,
        url="wss://media.example.com/other",
        name="my stream",
        track="inbound_track",
        status_callback="http://127.0.0.1:9/callback",
        status_callback_method="GET",
        parameters={"language": "en", "who": "Ann & Bob"},
        authorization_bearer_token="secret-of-the-bot",
    )

    assert forms(simulator) == [
        {
            "Url": "wss://media.example.com/other",
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
    ]


def test_a_subproject_is_acted_in(make_subproject, start):
    server, subproject, connection = make_subproject
    [call] = server.seed(account_sid=subproject)

    record = start(call_sid=call["sid"], account_sid=subproject, signalwire_conn_id=connection)

    assert record["account_sid"] == subproject


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset", "when": "after"},
        {"kind": "reset", "when": "middle"},
        {"kind": "hang", "when": "after"},
        {"kind": "truncate"},
        {"kind": "empty"},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502},
        {"kind": "patch", "set": {"sid": ""}},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
def test_a_start_whose_outcome_is_open_leaves_exactly_one_stream(simulator, start, make_connection, call_sid, fault):
    make_connection(extra={"timeout": 0.3})
    simulator.set_faults([{"match": STARTS, **fault}])

    record = start(call_sid=call_sid)

    assert [stream["sid"] for stream in running(simulator)] == [record["sid"]]
    paths = [request["path"] for request in simulator.requests("/Streams")]
    assert [path.endswith("/Streams/calls.media") for path in paths] == [False, True, False]
    if fault["kind"] in ("truncate", "patch") or fault.get("when") in ("after", "middle"):
        assert len(streams(simulator)) == 2, "the first start was processed, so its stream had to be stopped"


def test_a_start_that_never_gets_through_leaves_none(simulator, start, call_sid):
    starts = {"method": "POST", "path": f"/Accounts/{simulator.project}/Calls/{call_sid}/Streams"}
    simulator.set_faults([{"match": starts, "times": None, "kind": "reset", "when": "after"}])

    with pytest.raises(SignalWireConnectionError):
        start(call_sid=call_sid)

    assert running(simulator) == []
    assert len(streams(simulator)) == 3


def test_what_could_not_be_stopped_is_named(simulator, start, make_connection, call_sid):
    make_connection(extra={"max_attempts": 1})
    simulator.set_faults([{"match": STARTS, "times": None, "kind": "reset", "when": "after"}])

    with pytest.raises(SignalWireConnectionError, match=r"stream named 'calls\.media' may be running"):
        start(call_sid=call_sid)


@pytest.mark.parametrize(("status", "error"), [(429, SignalWireRateLimitError), (503, SignalWireServerError)])
def test_what_was_surely_not_processed_is_retried_within_bounds(
    simulator, start, make_connection, call_sid, status, error
):
    make_connection(extra={"max_attempts": 3})
    simulator.set_faults([{"match": STARTS, "times": 2, "kind": "status", "status": status}])
    assert start(call_sid=call_sid)["sid"] == running(simulator)[0]["sid"]
    assert len(simulator.requests()) == 3

    simulator.set_faults([{"match": STARTS, "times": None, "kind": "status", "status": status}])
    with pytest.raises(error):
        start(call_sid=call_sid, name="another")
    assert len(simulator.requests()) == 6


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, SignalWireRequestError),
        (401, SignalWireAuthenticationError),
        (403, SignalWireAuthenticationError),
        (404, SignalWireNotFoundError),
        (422, SignalWireRequestError),
    ],
)
def test_a_refusal_is_final(simulator, start, call_sid, status, error):
    simulator.set_faults([{"match": STARTS, "times": None, "kind": "status", "status": status}])

    with pytest.raises(error) as caught:
        start(call_sid=call_sid)

    assert isinstance(caught.value, AirflowFailException)
    assert len(simulator.requests()) == 1


def test_a_call_that_is_not_in_progress_is_a_refusal_that_says_so(simulator, start, connection):
    [call] = simulator.seed(status="ringing")

    with pytest.raises(SignalWireRequestError, match="a stream needs a call in progress") as caught:
        start(call_sid=call["sid"])

    assert caught.value.code == 21220


def test_a_name_in_use_is_refused_and_its_stream_goes_on(simulator, start, connection):
    [call] = simulator.seed(streams=[{"name": "calls.media"}])

    with pytest.raises(SignalWireRequestError, match=r"stream named 'calls\.media' already runs.*another name"):
        start(call_sid=call["sid"])

    assert [stream["sid"] for stream in running(simulator)] == [call["streams"][0]["sid"]]
    assert len(simulator.requests()) == 1


@pytest.mark.parametrize("name", [None, "my stream"])
def test_a_further_try_replaces_what_the_one_before_left(simulator, start, connection, name):
    [call] = simulator.seed(streams=[{"name": name or "calls.media"}, {"name": "of another task"}])

    record = start(call_sid=call["sid"], name=name, try_number=2)

    assert {stream["sid"] for stream in running(simulator)} == {record["sid"], call["streams"][1]["sid"]}


def test_a_further_try_with_nothing_to_replace_just_starts(simulator, start, call_sid):
    record = start(call_sid=call_sid, try_number=3)

    assert [stream["sid"] for stream in running(simulator)] == [record["sid"]]


def test_what_stopping_leaves_behind_is_waited_for(simulator, start, connection, no_backoff):
    simulator.reset(stop_delay_ms=200)
    [call] = simulator.seed(streams=[{"name": "calls.media"}])

    record = start(call_sid=call["sid"], try_number=2)

    assert [stream["sid"] for stream in running(simulator)] == [record["sid"]]


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"call_sid": ""}, "call_sid"),
        ({"call_sid": "../../Accounts"}, "call_sid"),
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a.json"}, "name"),
        ({"url": "ws://media.example.com"}, "url"),
        ({"url": "https://media.example.com"}, "url"),
        ({"url": "media.example.com"}, "url"),
        ({"url": "wss://"}, "url"),
        ({"url": "wss://media.example.com/a b"}, "url"),
        ({"url": ""}, "url"),
        ({"url": None}, "url"),
        ({"track": "both"}, "track"),
        ({"status_callback": "ftp://example.com"}, "status_callback"),
        ({"status_callback_method": "PUT"}, "status_callback_method"),
        ({"parameters": {f"p{number}": "v" for number in range(100)}}, "parameters"),
        ({"parameters": {"": "v"}}, "parameters"),
        ({"parameters": {"n": 1}}, "parameters"),
        ({"parameters": ["n"]}, "parameters"),
        ({"authorization_bearer_token": ""}, "authorization_bearer_token"),
        ({"authorization_bearer_token": "a\nb"}, "authorization_bearer_token"),
        ({"account_sid": ""}, "account_sid"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_input_is_refused_unsent(simulator, start, call_sid, arguments, parameter):
    for try_number in (1, 2):
        with pytest.raises(SignalWireConfigurationError, match=f"'{parameter}'") as caught:
            start(**{"call_sid": call_sid, **arguments}, try_number=try_number)

    assert isinstance(caught.value, AirflowFailException)
    assert simulator.requests() == []


def test_99_parameters_are_sent(simulator, start, call_sid):
    start(call_sid=call_sid, parameters={f"name{number}": f"value{number}" for number in range(1, 100)})

    assert forms(simulator)[0]["Parameter99.Value"] == "value99"


def test_secrets_that_signalwire_quotes_are_in_no_error_and_no_log(simulator, start, call_sid, caplog):
    caplog.set_level("DEBUG")
    starts = {"method": "POST", "path": f"/Accounts/{simulator.project}/Calls/{call_sid}/Streams"}
    said = {"message": "bot-secret, customer-secret and wss://media.example.com/?key=1 are wrong"}
    simulator.set_faults(
        [
            {"match": starts, "kind": "status", "status": 500, "body": said},
            {"match": starts, "times": None, "kind": "status", "status": 422, "body": said},
        ]
    )

    with pytest.raises(SignalWireRequestError, match="are wrong") as caught:
        start(
            call_sid=call_sid,
            url="wss://media.example.com/?key=1",
            parameters={"customer": "customer-secret"},
            authorization_bearer_token="bot-secret",
        )

    for secret in ("bot-secret", "customer-secret", "key=1"):
        assert secret not in str(caught.value)
        assert secret not in caplog.text
