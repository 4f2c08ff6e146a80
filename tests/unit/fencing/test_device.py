from __future__ import annotations

from pathlib import Path

import pytest

from medevac.core.errors import FencingError
from medevac.workers.fencing.device import FenceDevice


def test_globs_say_which_hosts_a_device_covers() -> None:
    device = FenceDevice("fence_ipmilan", ("rack1-*", "spare"))
    assert [device.covers(host) for host in ("rack1-7", "spare", "rack2-7", "Rack1-7")] == [True, True, False, False]


def test_a_host_without_a_plug_is_not_covered() -> None:
    device = FenceDevice("fence_apc", ("*",), plugs={"a": "3"}, plug="")
    assert (device.covers("a"), device.covers("b")) == (True, False)


def test_a_name_that_would_smuggle_a_line_into_the_request_is_not_covered() -> None:
    assert not FenceDevice("fence_apc", ("*",)).covers("a\naction=on")


def test_the_request_names_action_and_plug_before_the_options() -> None:
    device = FenceDevice("fence_apc", ("*",), options={"ip": "pdu.example.org"}, plugs={"a": "3"})
    assert device.request("a", "off", {"password": "s"}) == "action=off\nplug=3\nip=pdu.example.org\npassword=s\n"


def test_options_may_be_made_from_host_and_plug() -> None:
    device = FenceDevice("fence_ipmilan", ("*",), options={"ip": "{host}-bmc"}, plug_option="")
    assert device.request("a", "status", {}) == "action=status\nip=a-bmc\n"
    mapped = FenceDevice("fence_ipmilan", ("*",), options={"ip": "{plug}"}, plug_option="", plugs={"a": "10.0.0.7"})
    assert mapped.request("a", "status", {}) == "action=status\nip=10.0.0.7\n"


@pytest.mark.parametrize("name", ["missing_as_off", "missing-as-off", "Missing_As_Off"])
def test_an_option_that_passes_a_missing_plug_off_as_dead_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="does not exist off"):
        FenceDevice("fence_virsh", ("*",), options={name: "1"})


@pytest.mark.parametrize(("name", "value"), [("action", "on"), ("ip", "a\naction=on"), ("i=p", "a")])
def test_an_option_that_would_change_the_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="is not one"):
        FenceDevice("fence_virsh", ("*",), options={name: value})


def test_secrets_come_from_environment_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("from file\n")
    monkeypatch.setenv("BMC_LOGIN", "from environment")
    device = FenceDevice("a", ("*",), secret_options={"username": "env:BMC_LOGIN", "password": f"file:{file}"})
    assert device.secrets() == {"username": "from environment", "password": "from file"}


@pytest.mark.parametrize("reference", ["env:NOT_SET_ANYWHERE", "file:/does/not/exist", "plain password"])
def test_a_secret_that_cannot_be_read_is_an_error_with_the_remedy(reference: str) -> None:
    with pytest.raises(FencingError, match="env:NAME or file:/path"):
        FenceDevice("a", ("*",), secret_options={"password": reference}).secrets()


@pytest.mark.parametrize("content", ["", "\n", "two\nlines"])
def test_a_secret_that_is_no_single_line_is_refused_without_being_shown(tmp_path: Path, content: str) -> None:
    file = tmp_path / "password"
    file.write_text(content)
    with pytest.raises(FencingError) as caught:
        FenceDevice("a", ("*",), secret_options={"password": f"file:{file}"}).secrets()
    assert "two" not in str(caught.value)
