"""Who may call what, and what a wrong request is told."""

from __future__ import annotations

import base64

import pytest

from airflow_provider_signalwire.simulator.server import SimulatorServer


def assert_refused(response, status, code):
    record = response.json()
    assert (response.status_code, record["code"], record["status"]) == (status, code, status)
    assert record["message"]
    assert record["more_info"].startswith("https://")


def test_an_account_describes_itself(api, simulator):
    response = api.get("")
    assert response.status_code == 200
    record = response.json()
    assert record["sid"] == record["owner_account_sid"] == simulator.project
    assert record["subproject"] is False
    assert record["auth_token"] == "redacted"


def test_a_subproject_names_its_owner(api, simulator, subproject):
    record = api.get(f"{api.root}/Accounts/{subproject}").json()
    assert (record["sid"], record["owner_account_sid"], record["subproject"]) == (
        subproject,
        simulator.project,
        True,
    )


def test_a_trailing_json_means_the_same(api, call_sid):
    assert api.get(f"/Calls/{call_sid}.json").json() == api.get(f"/Calls/{call_sid}").json()


@pytest.mark.parametrize(("user", "password"), [("somebody", None), (None, "something")])
def test_wrong_credentials_are_refused(api, simulator, user, password):
    auth = (user or simulator.project, password or simulator.token)
    assert_refused(api.get("", auth=auth), 401, 20003)


def test_missing_credentials_are_refused(api):
    api.auth = None
    assert_refused(api.get("/Calls"), 401, 20003)


def test_only_basic_authentication_is_known(api, simulator):
    api.auth = None
    encoded = base64.b64encode(f"{simulator.project}:{simulator.token}".encode()).decode()
    assert api.get("", headers={"Authorization": f"basic {encoded}"}).status_code == 200
    assert_refused(api.get("", headers={"Authorization": f"Bearer {encoded}"}), 401, 20003)


def test_a_foreign_account_is_refused(api):
    assert_refused(api.get(f"{api.root}/Accounts/someone-else/Calls"), 401, 20003)


def test_calls_belong_to_one_account(api, call_sid, subproject):
    assert_refused(api.get(f"{api.root}/Accounts/{subproject}/Calls/{call_sid}"), 404, 20404)
    assert api.get(f"{api.root}/Accounts/{subproject}/Calls").json()["calls"] == []


@pytest.mark.parametrize(
    ("scopes", "account_status", "calls_status"),
    [(("Voice",), 401, 200), (("Management",), 200, 401)],
)
def test_a_token_reaches_what_its_scopes_allow(make_api, scopes, account_status, calls_status):
    with SimulatorServer(scopes=scopes) as server, make_api(server) as api:
        assert api.get("").status_code == account_status
        assert api.get("/Calls").status_code == calls_status
        refused = api.get("" if account_status == 401 else "/Calls")
        assert_refused(refused, 401, 20003)
        assert "scope" in refused.json()["message"]


@pytest.mark.parametrize("path", ["/Nothing", "/Calls//Streams", "/Calls/x/Streams/y/z", "/Calls/"])
def test_an_unknown_path_is_not_found(api, path):
    assert_refused(api.get(path), 404, 20404)


def test_a_path_outside_the_api_is_not_found(api, simulator):
    assert_refused(api.get(f"{simulator.url}/Accounts/{simulator.project}"), 404, 20404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "", "GET"),
        ("PUT", "/Calls", "GET, POST"),
        ("PATCH", "/Calls/x", "GET, POST, DELETE"),
        ("GET", "/Calls/x/Streams", "POST"),
        ("GET", "/Calls/x/Streams/y", "POST"),
    ],
)
def test_a_method_that_is_not_allowed_is_refused(api, method, path, allowed):
    response = api.request(method, path)
    assert_refused(response, 405, 20004)
    assert response.headers["Allow"] == allowed


def test_every_answer_has_a_request_id_of_its_own(api, simulator):
    answers = [api.get(""), api.get("/Nothing"), api.post("/Calls")]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == 3
    assert [entry["request_id"] for entry in simulator.requests()] == ids
