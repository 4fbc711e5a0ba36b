"""The connection form and its Test button in Airflow's UI."""

from __future__ import annotations

import json
import re

import pytest
from airflow_pages import ConnectionsPage, full_content, screenshot
from local_airflow import StandaloneAirflow, free_port
from playwright.sync_api import Page, expect

from airflow_provider_signalwire.provider_info import get_provider_info

CONNECTION_TYPE = get_provider_info()["connection-types"][0]


@pytest.fixture
def connections(page: Page, airflow: StandaloneAirflow, no_connections: None) -> ConnectionsPage:
    return ConnectionsPage(page, airflow.url)


def test_form_labels_every_field(connections: ConnectionsPage) -> None:
    form = connections.open_new_form("signalwire_default")

    for label in ("Space", "Project ID", "API token", "Port"):
        expect(form.standard(label)).to_have_attribute("placeholder", re.compile("."))
    expect(form.standard("Port")).to_have_attribute("placeholder", re.compile("443"))
    expect(form.dialog.get_by_text(re.compile("^(Schema|Login|Password|Host)$"))).to_have_count(0)
    screenshot(connections.page, "ui-connection-form")

    form.open_extras()
    for extra in CONNECTION_TYPE["conn-fields"].values():
        expect(form.dialog.get_by_text(extra["label"], exact=True)).to_be_visible()
        expect(form.dialog.get_by_text(extra["description"])).to_be_visible()
    expect(form.dialog.get_by_role("checkbox", name="Verify the certificate")).to_be_checked()
    form.extra("proxy").scroll_into_view_if_needed()
    screenshot(connections.page, "ui-connection-extras")


def test_form_clamps_numbers_to_their_bounds(
    connections: ConnectionsPage, fields: dict[str, str], airflow: StandaloneAirflow
) -> None:
    form = connections.open_new_form("bounds")
    form.fill(fields)
    form.open_extras()
    form.number("Timeout (seconds)").fill("12.5")
    form.number("Connect timeout (seconds)").fill("0")
    form.number("Attempts").fill("500")
    form.save()
    expect(connections.row("bounds")).to_be_visible()

    saved = json.loads(airflow.call_api("GET", "connections/bounds")["extra"])
    assert (saved["timeout"], saved["connect_timeout"], saved["max_attempts"]) == (12.5, 0.1, 100)
    assert connections.test("bounds")[0] == "Test Connection Successful"


def test_test_button_shows_project_name(connections: ConnectionsPage, fields: dict[str, str]) -> None:
    connections.add("signalwire_default", fields)

    title, text = connections.test("signalwire_default")

    assert title == "Test Connection Successful"
    assert text == f"Connected to {fields['Space']}:{fields['Port']}, project 'Simulated project'."
    screenshot(connections.page, "ui-connection-test")


def test_test_button_shows_reason_of_failure(connections: ConnectionsPage, fields: dict[str, str]) -> None:
    connections.add("wrong_token", {**fields, "API token": "PT-wrong"})
    closed_port = str(free_port())
    connections.add("unreachable_host", {**fields, "Port": closed_port})

    title, wrong_token = connections.test("wrong_token")
    screenshot(connections.page, "ui-connection-test-wrong-token")
    assert title == "Test Connection Failed"
    assert "refused the login" in wrong_token
    assert "PT-wrong" not in wrong_token

    title, unreachable = connections.test("unreachable_host")
    screenshot(connections.page, "ui-connection-test-unreachable")
    assert title == "Test Connection Failed"
    assert f"could not connect to {fields['Space']}:{closed_port}" in unreachable
    assert "refused the login" not in unreachable


def test_saved_secrets_are_not_shown(
    connections: ConnectionsPage, fields: dict[str, str], airflow: StandaloneAirflow
) -> None:
    token, proxy = "PT-very-secret", "http://user:proxy-secret@proxy.example.com:3128"
    form = connections.open_new_form("reopened")
    form.fill({**fields, "API token": token})
    form.open_extras()
    form.extra("proxy").fill(proxy)
    form.save()
    responses: list[str] = []
    connections.page.on(
        "response", lambda response: responses.append(response.text()) if "/api/" in response.url else None
    )

    form = connections.edit("reopened")
    expect(form.standard("API token")).to_have_value("***")
    form.dialog.get_by_role("button", name="Show value").first.click()
    shown = full_content(connections.page)
    form.open_extras()
    expect(form.extra("proxy")).to_have_value("***")
    form.dialog.get_by_role("button", name="Show value").last.click()
    screenshot(connections.page, "ui-connection-reopened")
    shown += full_content(connections.page)

    assert fields["Project ID"] in shown, "the page was not read"
    assert any("reopened" in response for response in responses), "the responses of the API were not read"
    for secret in (token, "proxy-secret"):
        assert secret not in shown
        assert not any(secret in response for response in responses)
