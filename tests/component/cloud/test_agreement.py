"""Keystone and the versions: how a client and the simulated cloud come to terms."""

from __future__ import annotations

import pytest

from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.server import RunningCloud
from tests.component.cloud.wire import Wire


def test_a_wrong_password_is_unauthorized(cloud: RunningCloud) -> None:
    with Wire(cloud, password="guess") as wire:
        assert wire.login.status_code == 401
        assert "X-Subject-Token" not in wire.login.headers
        assert wire.login.json()["error"]["code"] == 401


def test_a_token_names_the_endpoints_and_its_end(wire: Wire) -> None:
    token = wire.login.json()["token"]
    assert {entry["type"] for entry in token["catalog"]} == {"identity", "compute", "image", "placement"}
    assert token["expires_at"] > token["issued_at"]
    assert wire.login.status_code == 201


def test_no_token_and_an_expired_one_are_unauthorized() -> None:
    with RunningCloud(settings=Settings(token_seconds=0.0)) as cloud, Wire(cloud) as wire:
        assert wire.nova("GET", "/servers").status_code == 401
        wire.http.headers.pop("X-Auth-Token")
        assert wire.nova("GET", "/servers").status_code == 401
        assert wire.ask("GET", "/identity/v3/projects").status_code == 401


def test_a_revoked_token_is_unauthorized(cloud: RunningCloud, wire: Wire) -> None:
    assert wire.nova("GET", "/servers").status_code == 200
    cloud.site.revoke_tokens()
    assert wire.nova("GET", "/servers").status_code == 401


@pytest.mark.parametrize("path", ["/compute/v2.1", "/compute/v2.1/"])
def test_the_version_document_needs_no_token_and_tells_the_range(cloud: RunningCloud, path: str) -> None:
    with Wire(cloud, password="none") as stranger:
        version = stranger.ask("GET", path).json()["version"]
    assert (version["id"], version["status"]) == ("v2.1", "CURRENT")
    assert (version["min_version"], version["version"]) == ("2.1", "2.96")


def test_the_roots_list_the_versions(wire: Wire) -> None:
    assert wire.ask("GET", "/compute/").json()["versions"][0]["id"] == "v2.1"
    assert wire.ask("GET", "/identity/").json()["versions"]["values"][0]["id"].startswith("v3")
    assert wire.ask("GET", "/image/").json()["versions"][0]["id"].startswith("v2")


@pytest.mark.parametrize(("asked", "given"), [("2.53", "2.53"), ("latest", "2.96"), (None, "2.1")])
def test_the_answer_tells_which_version_it_is_of(wire: Wire, asked: str | None, given: str) -> None:
    headers = wire.nova("GET", "/servers", asked).headers
    assert headers["OpenStack-API-Version"] == f"compute {given}"
    assert headers["X-OpenStack-Nova-API-Version"] == given
    assert "OpenStack-API-Version" in headers["Vary"]


def test_the_old_header_is_understood(wire: Wire) -> None:
    wire.http.headers["X-OpenStack-Nova-API-Version"] = "2.42"
    assert wire.nova("GET", "/servers", None).headers["X-OpenStack-Nova-API-Version"] == "2.42"


@pytest.mark.parametrize("version", ["2.97", "2.0", "3.1"])
def test_a_version_out_of_range_is_not_acceptable(wire: Wire, version: str) -> None:
    answer = wire.nova("GET", "/servers", version)
    assert answer.status_code == 406
    assert "Minimum is 2.1 and maximum is 2.96" in answer.json()["computeFault"]["message"]


def test_a_version_that_is_none_is_a_bad_request(wire: Wire) -> None:
    assert wire.nova("GET", "/servers", "new").status_code == 400


def test_every_answer_carries_a_request_id(wire: Wire) -> None:
    ids = {wire.nova("GET", "/servers").headers["x-openstack-request-id"] for _ in range(3)}
    assert len(ids) == 3
