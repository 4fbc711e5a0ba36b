"""The check of ``make sbom`` finds an inventory that lacks something, or says too much."""

from __future__ import annotations

import json

import pytest

NAMES = ["airflow-provider-signalwire", "aiohttp", "requests"]


@pytest.fixture(scope="module")
def supply_chain(load_script):
    return load_script("supply_chain")


def inventory(*names, **more):
    components = [{"name": name, "version": "1.0", **more} for name in names]
    return json.dumps({"bomFormat": "CycloneDX", "components": components})


def test_direct_dependencies_are_those_of_the_package(supply_chain):
    assert supply_chain.direct_dependencies() == {
        "apache-airflow",
        "apache-airflow-providers-common-compat",
        "requests",
        "tenacity",
        "aiohttp",
    }


def test_complete_inventory_is_valid(supply_chain):
    text = inventory(*NAMES, externalReferences=[{"type": "website", "url": "https://aiohttp.example.org/a@b"}])
    assert supply_chain.problems(text, {"aiohttp", "requests"}) == []


@pytest.mark.parametrize("name", NAMES)
def test_missing_part_is_named(supply_chain, name):
    rest = [other for other in NAMES if other != name]
    assert supply_chain.problems(inventory(*rest), {"aiohttp", "requests"}) == [f"it lacks {name}"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///home/me/dist/a.whl",
        "https://user:password@packages.example.com/a.whl",
        "https://packages.example.com/simple",
        __file__,
    ],
)
def test_private_url_is_found(supply_chain, url):
    text = inventory(*NAMES, externalReferences=[{"type": "distribution", "url": url}])
    assert supply_chain.problems(text, set()) != []


def test_another_format_is_refused(supply_chain):
    text = json.dumps({"components": [{"name": NAMES[0], "version": "1.0"}]})
    assert supply_chain.problems(text, set()) == ["it is not in CycloneDX format"]
