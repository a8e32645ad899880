"""The compose file of several machines, as far as it can be tried without a daemon: what it names is there, and its
servers are started as the documentation starts them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from indexer.store_address import is_address
from search.shell.commands.serve import ServeOptions
from tests.fixtures.paths import ROOT

FOLDER = ROOT / "examples" / "several_machines"
SERVERS = ("one", "two")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    return found


def test_what_it_builds_is_there_and_takes_the_driver(services: dict[str, Any]) -> None:
    assert set(services) == {"db", "indexer", *SERVERS}
    for name in ("indexer", *SERVERS):
        build = services[name]["build"]
        context = (FOLDER / build["context"]).resolve()
        assert context == ROOT
        text = (context / build["dockerfile"]).read_text()
        assert build["args"] == {"PACKAGES": "psycopg[binary]"}
        assert 'ARG PACKAGES=""' in text.partition("FROM python:3.12-slim\n")[0]
        assert "./packaging/light $PACKAGES" in text


def test_all_have_one_catalog_and_caches_of_their_own(services: dict[str, Any]) -> None:
    stores = {services[name]["environment"]["SEARCH_STORE"] for name in ("indexer", *SERVERS)}
    assert len(stores) == 1
    assert is_address(stores.pop())
    places = [services[name]["volumes"][0] for name in ("indexer", *SERVERS)]
    assert places == ["indexer:/store", "one:/store", "two:/store"]
    assert {services[name]["environment"]["XDG_DATA_HOME"] for name in SERVERS} == {"/store"}
    assert len({volume for name in ("indexer", *SERVERS) for volume in services[name]["volumes"][1:]}) == 1


def test_no_secret_stands_in_it(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name or "TOKEN" in name:
                assert value.startswith("${")
                assert value.endswith(":?}")  # refused where it is missing


def test_servers_are_started_with_options_that_there_are(services: dict[str, Any]) -> None:
    known = {flag for row in ServeOptions.rows().values() for flag in row.flags}
    for name in SERVERS:
        command = services[name]["command"]
        assert command[0] == "serve"
        assert {each for each in command if each.startswith("--")} <= known
    assert len({services[name]["ports"][0].partition(":")[0] for name in SERVERS}) == 2
