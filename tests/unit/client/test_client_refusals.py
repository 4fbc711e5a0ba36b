"""What SignalWire refuses is sent once, and the error says what SignalWire said."""

from __future__ import annotations

import pytest

from airflow_provider_signalwire.client.flows.stop import just, stop_stream
from airflow_provider_signalwire.client.protocol import endpoints
from airflow_provider_signalwire.exceptions import (
    SignalWireApiError,
    SignalWireAuthenticationError,
    SignalWireNotFoundError,
    SignalWireRequestError,
    SignalWireResponseError,
    SignalWireServerError,
)

CLASSES = {
    400: SignalWireRequestError,
    401: SignalWireAuthenticationError,
    403: SignalWireAuthenticationError,
    404: SignalWireNotFoundError,
    405: SignalWireRequestError,
    409: SignalWireRequestError,
    410: SignalWireRequestError,
    413: SignalWireRequestError,
    422: SignalWireRequestError,
    499: SignalWireRequestError,
}
MORE_INFO = "https://docs.example.com/errors/12345"


def error_with(status, *, code=12345, message="No such luck.", more_info=MORE_INFO):
    return {"code": code, "message": message, "more_info": more_info, "status": status}


@pytest.mark.parametrize("status", CLASSES)
def test_a_refusal_is_sent_once_and_has_its_own_class(run, simulator, target, clock, status):
    simulator.set_faults([{"kind": "status", "status": status, "body": error_with(status)}])
    with pytest.raises(SignalWireApiError) as caught:
        run(just(endpoints.stop_call_stream(*target.ids)))
    error = caught.value
    assert type(error) is CLASSES[status]
    [request] = simulator.requests()
    assert vars(error) == {
        "http_status": status,
        "code": 12345,
        "message": "No such luck.",
        "more_info": MORE_INFO,
        "request_id": request["request_id"],
    }
    assert str(error).startswith(
        f"Tried to stop stream '{target.stream_sid}' on call '{target.call_sid}': SignalWire answered {status} "
    )
    assert f", code 12345, request id {request['request_id']}: No such luck. " in str(error)
    assert clock.waits == []


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_refused_stop_of_a_live_call_costs_one_look_at_the_call(run, simulator, target, status):
    fault = {"kind": "status", "status": status, "match": {"method": "POST"}}
    simulator.set_faults([fault])
    with pytest.raises(CLASSES[status], match=r"The call is 'in-progress'\.$"):
        run(stop_stream(*target.ids))
    assert [request["method"] for request in simulator.requests()] == ["POST", "GET"]


@pytest.mark.parametrize("status", [401, 403, 405, 410])
def test_another_refusal_of_a_stop_costs_no_look(run, simulator, target, status):
    simulator.set_faults([{"kind": "status", "status": status}])
    with pytest.raises(CLASSES[status]):
        run(stop_stream(*target.ids))
    assert len(simulator.requests()) == 1


@pytest.mark.parametrize(
    ("body", "details"),
    [
        (error_with(422), (12345, "No such luck.", MORE_INFO)),
        (error_with(422, code="12345"), (12345, "No such luck.", MORE_INFO)),
        (
            {"errors": [{"code": "10000", "message": "To is required.", "more_info": MORE_INFO}]},
            (10000, "To is required.", MORE_INFO),
        ),
        ({"errors": ["To is required."]}, (None, "To is required.", None)),
        ({"errors": []}, (None, None, None)),
        ({"errors": {"to": "is required"}}, (None, None, None)),
        ({"code": True, "message": 5, "more_info": None}, (None, None, None)),
        ({"code": "E-7", "message": "two\nlines\x1b[31m"}, (None, "two lines [31m", None)),
        ([1, 2], (None, None, None)),
        ("only text", (None, None, None)),
        ("<html>Bad</html>", (None, None, None)),
        ("", (None, None, None)),
    ],
)
def test_every_shape_of_an_error_body_is_understood(run, simulator, target, body, details):
    simulator.set_faults([{"kind": "status", "status": 422, "body": body}])
    with pytest.raises(SignalWireRequestError) as caught:
        run(just(endpoints.get_call(*target[:2])))
    error = caught.value
    assert (error.code, error.message, error.more_info) == details
    assert str(error).isprintable()
    assert error.http_status == 422


@pytest.mark.parametrize(
    ("code", "advice"),
    [(21220, "a stream needs a call in progress"), (31922, "Check the stream's url")],
)
def test_a_known_code_brings_its_own_advice(run, simulator, target, code, advice):
    simulator.set_faults([{"kind": "status", "status": 422, "body": error_with(422, code=code)}])
    with pytest.raises(SignalWireRequestError, match=advice):
        run(just(endpoints.get_call(*target[:2])))


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "the scope Voice"), (403, "the API token may"), (404, "Check the SIDs")]
)
def test_a_known_status_brings_its_own_advice(run, simulator, target, status, advice):
    simulator.set_faults([{"kind": "status", "status": status}])
    with pytest.raises(SignalWireApiError, match=advice):
        run(just(endpoints.get_call(*target[:2])))


def test_a_wrong_token_is_refused_once(run, simulator, target):
    with pytest.raises(SignalWireAuthenticationError, match="code 20003"):
        run(just(endpoints.get_call(*target[:2])), api_token="another")
    assert len(simulator.requests()) == 1


@pytest.mark.parametrize("names", [["X-SignalWire-Request-Id", "Request-Id"], ["Request-Id"], []])
def test_the_request_id_is_found_under_any_of_its_names(run, stub, names):
    stub.answer = (404, {name: f"id {name}" for name in names}, b"{}")
    with pytest.raises(SignalWireNotFoundError) as caught:
        run(just(endpoints.get_call("project", "call")), origin=stub.origin)
    assert caught.value.request_id == (f"id {names[0]}" if names else None)


@pytest.mark.parametrize("status", [501, 505, 599])
def test_a_server_error_that_will_not_pass_is_sent_once(run, simulator, target, clock, status):
    simulator.set_faults([{"kind": "status", "status": status}])
    with pytest.raises(SignalWireServerError) as caught:
        run(just(endpoints.stop_call_stream(*target.ids)))
    assert caught.value.http_status == status
    assert len(simulator.requests()) == 1
    assert clock.waits == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("build", [endpoints.stop_call_stream, lambda *ids: endpoints.get_call(*ids[:2])])
def test_a_redirect_is_never_followed(run, simulator, target, elsewhere, status, build):
    location = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
    simulator.set_faults([{"kind": "redirect", "location": location, "status": status, "times": None}])
    with pytest.raises(SignalWireResponseError, match="redirect, which is never followed") as caught:
        run(just(build(*target.ids)))
    assert caught.value.http_status == status
    assert len(simulator.requests()) == 1
    with pytest.raises(BlockingIOError):
        elsewhere.accept()


def test_a_redirect_on_the_same_host_is_not_followed_either(run, simulator, target):
    location = f"/api/laml/2010-04-01/Accounts/{target.account_sid}/Calls"
    simulator.set_faults([{"kind": "redirect", "location": location}])
    with pytest.raises(SignalWireResponseError, match="never followed"):
        run(just(endpoints.get_call(*target[:2])))
    assert len(simulator.requests()) == 1


def test_a_not_modified_answer_is_no_record(run, stub):
    stub.answer = (304, {}, b"")
    with pytest.raises(SignalWireResponseError) as caught:
        run(just(endpoints.get_call("project", "call")), origin=stub.origin)
    assert caught.value.http_status == 304
    assert len(stub.received) == 1


SECRETS = {
    "url": "wss://user:hunter2@media.example.com/?key=k-123",
    "status_callback": "https://example.com/events?key=k-456",
    "parameters": {"pin": "4711", "language": "en"},
    "authorization_bearer_token": "bearer-secret",
}


class TestWordsOfTheRequestThatComeBack:
    """SignalWire may quote the request in its message; what was sent in confidence stays out of the error."""

    @pytest.fixture
    def refusal(self, run, simulator, target):
        def refuse(message):
            simulator.set_faults([{"kind": "status", "status": 422, "body": error_with(422, message=message)}])
            with pytest.raises(SignalWireRequestError) as caught:
                run(just(endpoints.start_call_stream(*target[:2], name="n", **SECRETS)))
            return caught.value

        return refuse

    @pytest.mark.parametrize(
        "secret", [SECRETS["url"], SECRETS["status_callback"], "4711", "bearer-secret", "PT-simulator-token"]
    )
    def test_secrets_are_blanked_out(self, refusal, secret):
        error = refusal(f"Not valid: '{secret}' ({secret}).")
        assert error.message == "Not valid: '***' (***)."
        assert not any(secret in text for text in (str(error), repr(error), repr(vars(error))))

    def test_a_short_value_does_not_riddle_the_message(self, refusal):
        error = refusal("Authentication needed for language 'en'.")
        assert error.message == "Authentication needed for language '***'."
        assert error.more_info == MORE_INFO

    def test_the_repr_of_a_request_does_not_show_them(self):
        request = endpoints.start_call_stream("project", "call", name="n", **SECRETS)
        assert not any(text in repr(request) for text in ("hunter2", "k-456", "4711", "bearer-secret"))
