"""What is read from, advised about and written into the cluster's configuration."""

from __future__ import annotations

import re

import pytest

from medevac.triggers.pacemaker_configuration import Advice, Configuration, alert_xml, on_version, seconds
from medevac.triggers.pacemaker_status import StatusError
from tests.unit.house.tree import ROOT

CAPTURED = (ROOT / "tests" / "data" / "pacemaker-status" / "configuration.xml").read_text()
WRITTEN = alert_xml("/opt/medevac/bin/medevac-alert", "zk1:2181,zk2:2181,zk3:2181/medevac")


def with_alert(alert: str = WRITTEN, configuration: str = CAPTURED) -> Configuration:
    return Configuration(configuration.replace("</configuration>", f"<alerts>{alert}</alerts></configuration>"))


def about(configuration: Configuration, name: str) -> list[Advice]:
    return [each for each in configuration.advice() if each.about == name]


def test_a_cluster_without_our_alert_is_told_how_to_get_it() -> None:
    (advice,) = about(Configuration(CAPTURED), "alert")
    assert advice.remedy == "medevac pacemaker install"


def test_what_we_write_is_read_back_and_needs_no_advice() -> None:
    configuration = with_alert()
    alert = configuration.alert()
    assert alert is not None
    assert alert.agent == "/opt/medevac/bin/medevac-alert"
    assert alert.recipient == "zk1:2181,zk2:2181,zk3:2181/medevac"
    assert alert.options == {"MEDEVAC_CONF": "/etc/medevac/alert.conf"}
    assert alert.timeout == 10.0
    assert about(configuration, "alert") == []


def test_the_file_for_configuration_management_says_the_same() -> None:
    deployed = (ROOT / "deploy" / "pacemaker" / "alert.xml").read_text()
    alert = deployed.partition("<alerts>")[2].partition("</alerts>")[0]
    assert with_alert(alert).alert() == with_alert().alert()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (WRITTEN.replace("<select_nodes /><select_resources />", ""), "selects select_fencing instead"),
        (re.sub("<select>.*</select>", "", WRITTEN), "selects everything"),
        (WRITTEN.replace('value="10s"', 'value="2s"'), "timeout of 2 s"),
        (WRITTEN.partition("<recipient")[0] + "</alert>", "no recipient"),
    ],
)
def test_an_alert_that_was_changed_is_advised_about(written: str, said: str) -> None:
    assert written != WRITTEN
    assert any(said in each.problem for each in about(with_alert(written), "alert"))


def test_a_device_that_reboots_compute_hosts_is_named_and_one_of_full_nodes_is_not() -> None:
    found = [each.about for each in with_alert().advice()]
    assert found == ["fence-compute2"]


def test_a_cluster_that_fences_by_off_reboots_nothing() -> None:
    off = '<nvpair id="o" name="stonith-action" value="off"/></cluster_property_set>'
    assert with_alert(configuration=CAPTURED.replace("</cluster_property_set>", off, 1)).advice() == ()


@pytest.mark.parametrize(
    ("change", "name", "said"),
    [
        (('name="monitor" interval="5s" timeout="5s"', 'name="monitor" interval="20" timeout="20s"'), None, "40 s"),
        (('name="start"', 'name="promote"'), None, "60 s, by default"),
        (('name="monitor"', 'name="promote"'), None, "never noticed"),
        (('value="compute1"/>', 'value="another"/>'), "compute1", "no fence device"),
        (('"stonith-enabled" value="true"', '"stonith-enabled" value="false"'), "cluster", "fencing is off"),
    ],
)
def test_what_would_fail_at_night_is_named(change: tuple[str, str], name: str | None, said: str) -> None:
    old, new = (part.replace("/>", " />") for part in change)
    assert old in CAPTURED
    found = with_alert(configuration=CAPTURED.replace(old, new)).advice()
    assert any(said in each.problem and name in {None, each.about} and each.grave for each in found)


def test_a_device_without_a_list_may_cover_any_host() -> None:
    everything = CAPTURED.replace("pcmk_host_list", "pcmk_host_argument")
    assert not any("no fence device" in each.problem for each in with_alert(configuration=everything).advice())


def test_a_map_of_hosts_covers_them() -> None:
    mapped = CAPTURED.replace('name="pcmk_host_list" value="compute1"', 'name="pcmk_host_map" value="x:1;compute1:17"')
    assert mapped != CAPTURED
    assert about(with_alert(configuration=mapped), "compute1") == []


def test_a_cluster_without_remotes_is_told_so() -> None:
    empty = Configuration("<cib><configuration/></cib>")
    assert any("no pacemaker_remote node" in each.problem for each in empty.advice())
    assert not empty.has_alerts


def test_what_is_no_xml_is_an_error() -> None:
    with pytest.raises(StatusError, match="cibadmin"):
        Configuration("Call cib_query failed (-62): Timer expired")


@pytest.mark.parametrize(("version", "notes"), [("2.1.5-a3f44794f94", 1), ("2.1.50-x", 0), ("2.1.6-x", 0), ("", 0)])
def test_one_release_is_known_for_fencing_planned_stops(version: str, notes: int) -> None:
    assert [each.grave for each in on_version(version)] == [False] * notes


@pytest.mark.parametrize(
    ("text", "length"),
    [("20", 20.0), ("20s", 20.0), ("1.5s", 1.5), ("500ms", 0.5), ("2min", 120.0), ("1h", 3600.0), ("PT20S", None)],
)
def test_durations_are_read_as_pacemaker_writes_them(text: str, length: float | None) -> None:
    assert seconds(text) == length


def changed(old: str, new: str) -> Configuration:
    assert old in CAPTURED
    return with_alert(configuration=CAPTURED.replace(old, new, 1))


def test_a_device_that_is_stopped_can_fence_nobody() -> None:
    head = '<primitive id="fence-compute1" class="stonith" type="fence_medevac_test">'
    meta = '<meta_attributes id="m"><nvpair id="t" name="target-role" value="Stopped"/></meta_attributes>'
    found = changed(head, head + meta)
    assert any(
        "it is stopped, and can fence nobody: compute1" in each.problem for each in about(found, "fence-compute1")
    )
    assert any("no fence device covers it" in each.problem for each in about(found, "compute1"))


def test_a_device_that_does_something_else_when_asked_for_off_is_named() -> None:
    found = changed('name="pcmk_reboot_action" value="off"', 'name="pcmk_off_action" value="reboot"')
    assert any("switch compute1 off, it does 'reboot'" in each.problem for each in about(found, "fence-compute1"))


@pytest.mark.parametrize(("devices", "bad"), [("fence-compute1", ""), ("gone", "gone"), ("fence-node1", "fence-node1")])
def test_a_fencing_level_that_names_devices_which_cannot_fence_the_host_is_named(devices: str, bad: str) -> None:
    level = f'<fencing-level id="l" target="compute1" index="1" devices="{devices}"/>'
    found = changed("</resources>", f"</resources><fencing-topology>{level}</fencing-topology>")
    said = [each.problem for each in about(found, "compute1")]
    assert said == ([f"fencing level 1 names {bad}, which cannot fence it"] if bad else [])


@pytest.mark.parametrize(("operation", "notes"), [("", 1), ('<op id="s" name="start" timeout="120s"/>', 0)])
def test_a_nova_compute_without_a_long_start_is_noted(operation: str, notes: int) -> None:
    primitive = f'<primitive id="compute" class="systemd" type="nova-compute"><operations>{operation}</operations>'
    found = changed("</resources>", f"{primitive}</primitive></resources>")
    assert [each.grave for each in about(found, "compute")] == [False] * notes
