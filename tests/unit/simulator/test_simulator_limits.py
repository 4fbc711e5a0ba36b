"""The rate limit, and the pause before each answer."""

from __future__ import annotations

import time

import pytest

from airflow_provider_signalwire.simulator.rate_limit import RateLimit
from airflow_provider_signalwire.simulator.settings import Settings, parse_rate_limit


def test_requests_over_the_limit_are_refused_until_the_window_has_moved_on(api, simulator, clock):
    simulator.reset(rate_limit="2/10")
    sid = simulator.seed()[0]["sid"]
    change = f"/Calls/{sid}"
    first = api.post(change)
    assert (first.status_code, first.headers["X-RateLimit-Limit"]) == (200, "2")
    assert first.headers["X-RateLimit-Remaining"] == "1"
    clock.advance(4)
    assert api.post(change).headers["X-RateLimit-Remaining"] == "0"
    refused = api.post(change)
    assert (refused.status_code, refused.json()["code"]) == (429, 20429)
    assert (refused.headers["Retry-After"], refused.headers["X-RateLimit-Remaining"]) == ("6", "0")
    clock.advance(5.5)
    assert api.post(change).headers["Retry-After"] == "1"
    clock.advance(0.5)
    assert api.post(change).status_code == 200
    assert api.post(change).headers["Retry-After"] == "4"


def test_looking_and_deleting_are_not_limited(api, simulator):
    simulator.reset(rate_limit="1/10")
    sid = simulator.seed(status="completed")[0]["sid"]
    for _ in range(3):
        answer = api.get(f"/Calls/{sid}")
        assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (200, "1")
    assert api.delete(f"/Calls/{sid}").status_code == 204


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_the_methods_that_change_something_share_the_limit(api, simulator, method):
    simulator.reset(rate_limit="1/10")
    api.post("/Calls/x")
    assert api.request(method, "/Calls/x").status_code == 429


def test_a_refused_request_is_not_processed_and_uses_up_no_fault(api, simulator):
    simulator.reset(rate_limit="1/10")
    [call] = simulator.seed(streams=[{"name": "a"}])
    api.post("/Calls/x")
    simulator.set_faults([{"kind": "empty"}])
    assert api.stop(call["sid"], "a").status_code == 429
    assert simulator.faults()[0]["fired"] == 0
    assert simulator.state.snapshot()["streams"][0]["status"] == "in-progress"


def test_without_a_limit_there_are_no_limit_headers(api):
    assert not [name for name in api.get("").headers if "ratelimit" in name.lower()]


def test_a_wait_is_never_less_than_a_second():
    limit = RateLimit(1, 0.1)
    assert limit.take(5.0) is None
    assert limit.take(5.05) == 1
    assert limit.remaining(5.1) == 1


@pytest.mark.parametrize("text", ["13800", "0/10", "10/0", "10/inf", "a/b", "", "1/2/3", 5])
def test_a_limit_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="13800/10"):
        parse_rate_limit(text)


def test_a_limit_may_have_fractions_of_seconds():
    assert parse_rate_limit("5/0.5") == (5, 0.5)


def test_latency_holds_every_answer_back(api, simulator):
    simulator.reset(latency_ms=60)
    for faults in ([], [{"kind": "empty"}]):
        simulator.set_faults(faults)
        began = time.monotonic()
        assert api.get("").status_code == 200
        assert time.monotonic() - began >= 0.06


@pytest.mark.parametrize(
    "settings",
    [
        {"project": ""},
        {"token": ""},
        {"signing_key": ""},
        {"project": "a:b"},
        {"latency_ms": -1},
        {"answer_delay_ms": "soon"},
        {"stop_delay_ms": True},
        {"stop_delay_ms": float("inf")},
        {"scopes": ("Everything",)},
        {"rate_limit": "fast"},
    ],
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings)).removesuffix("s")):
        Settings(**settings)


def test_settings_keep_their_secrets():
    settings = Settings(token="hidden-token", signing_key="hidden-key")
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings.public())
