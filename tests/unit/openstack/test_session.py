from __future__ import annotations

import json
from pathlib import Path

import pytest
from requests.adapters import HTTPAdapter

from medevac.core.errors import CloudNotConfiguredError, CloudUnavailableError, RefusedError
from medevac.workers.openstack.nova import NovaCloud
from medevac.workers.openstack.session import Bounds, open_session
from tests.unit.openstack.conftest import DEAD, Place

AUTH = {"OS_USERNAME": "medevac", "OS_PROJECT_NAME": "admin", "OS_USER_DOMAIN_ID": "default"}


def test_without_a_cloud_the_error_says_what_to_do() -> None:
    with pytest.raises(CloudNotConfiguredError, match=r"OS_CLOUD.*clouds\.yaml"):
        open_session()


def test_a_cloud_of_the_site_file_that_clouds_yaml_does_not_have_is_to_be_mended_in_one_of_the_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "clouds.yaml"
    file.write_text(json.dumps({"clouds": {"other": {"auth": {"auth_url": "http://127.0.0.1:1/v3"}}}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    with pytest.raises(CloudNotConfiguredError, match=r"'north' of the site file.*clouds\.yaml.*`cloud`") as caught:
        open_session("north")
    assert "OS_CLOUD" not in str(caught.value)


def test_a_password_that_is_not_given_is_missed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:1/v3")
    monkeypatch.setenv("OS_USERNAME", "medevac")
    with pytest.raises(CloudNotConfiguredError, match="no password"):
        open_session()


def test_the_variables_of_an_openrc_are_enough(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _use_variables(place, monkeypatch, place.running.world.settings.password)
    cloud = NovaCloud(open_session())
    assert cloud.host_service(DEAD) is not None
    cloud.close()


def test_a_wrong_password_is_refused_without_being_shown(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _use_variables(place, monkeypatch, "hunter2")
    cloud = NovaCloud(open_session())
    with pytest.raises(RefusedError, match="Check the user, password and project") as caught:
        cloud.host_service(DEAD)
    assert "hunter2" not in str(caught.value)
    cloud.close()


def test_a_keystone_that_is_not_there_is_unavailable(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _use_variables(place, monkeypatch, "hunter2")
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:1/v3")
    cloud = NovaCloud(open_session())
    with pytest.raises(CloudUnavailableError, match="Connection refused") as caught:
        cloud.host_service(DEAD)
    assert "hunter2" not in str(caught.value)
    cloud.close()


def test_every_request_has_bounds_and_none_is_repeated_below_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_AUTH_URL", "http://127.0.0.1:1/v3")
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    found = open_session(bounds=Bounds(connect=1.5, read=7, connections=11))
    assert vars(found.session)["timeout"] == (1.5, 7)
    for adapter in found.session.session.adapters.values():
        assert isinstance(adapter, HTTPAdapter)
        assert adapter.max_retries.total == 0
        assert vars(adapter)["_pool_maxsize"] == 11
    assert vars(found.session)["_connect_retries"] == 0
    assert found.agent.startswith("medevac/")


def test_a_token_that_became_invalid_is_renewed_unseen(place: Place) -> None:
    place.cloud.host_service(DEAD)
    place.running.site.revoke_tokens()
    assert place.cloud.host_service(DEAD) is not None


def _use_variables(place: Place, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    monkeypatch.delenv("OS_CLOUD")
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE")
    told = {**AUTH, "OS_AUTH_URL": place.running.addresses.auth_url, "OS_PASSWORD": password}
    for name, value in {**told, "OS_PROJECT_DOMAIN_ID": "default"}.items():
        monkeypatch.setenv(name, value)
