"""The probe's settings, how mistakes in them are told, and whom a probe looks at."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.triggers.probe_guests import described
from medevac.triggers.probe_network import Look, carrier, facts_of, verdict
from medevac.triggers.probe_rules import Outcome
from medevac.triggers.probe_settings import GuestProbe, NetworkProbe, ProbeSettingsError, load, settings_from, target

EXAMPLE = Path(__file__).parents[3] / "deploy" / "probe" / "probe.toml"
UUID = "11111111-2222-3333-4444-555555555555"
XML = f"""<domain type='kvm' id='7'><uuid>{UUID}</uuid><metadata>
<nova:instance xmlns:nova="http://openstack.org/xmlns/libvirt/nova/1.1"><nova:name>web-1</nova:name>
<nova:flavor name="m1.small"/><nova:owner><nova:project uuid="p1">shop</nova:project></nova:owner>
<nova:ports><nova:port uuid="x"><nova:ip type="fixed" address="192.0.2.7" ipVersion="4"/>
<nova:ip type="fixed" address="2001:db8::7" ipVersion="6"/></nova:port></nova:ports></nova:instance></metadata>
</domain>"""
PING = {"way": "agent-ping"}
NET = {"role": "storage", "interface": "eth1"}


def test_the_example_for_deployment_is_understood() -> None:
    settings = load(EXAMPLE)
    assert {probe.role for probe in settings.networks} == {"management", "storage", "tenant"}
    assert {probe.way for probe in settings.guests} == {"agent-ping", "file", "exec", "tcp", "http"}


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"zoo": 1}, "zoo is no setting"),
        ({"guests": []}, r"write \[\[guest\]\]"),
        ({"guest": PING}, r"\[\[guest\]\] tables"),
        ({"guest": [{}]}, "guest 1: way is wanted"),
        ({"guest": [{"way": "look"}]}, "is no way to look"),
        ({"guest": [PING, {"way": "tcp"}]}, "guest 2: tcp wants port"),
        ({"guest": [{"way": "exec", "command": []}]}, "exec wants command"),
        ({"guest": [PING | {"every": 0}]}, "every is not"),
        ({"guest": [PING | {"failures": True}]}, "failures is not"),
        ({"guest": [PING | {"match": {"nmae": "x"}}]}, "match takes"),
        ({"guest": [PING | {"match": {"name": "("}}]}, "guest 1: missing"),
        ({"guest": [{"way": "tcp", "port": 1, "network": "all"}]}, "guest 1: 'all'"),
        ({"network": [{"role": "all", "interface": "e"}]}, "is no role"),
        ({"network": [{"role": "tenant"}]}, "interface or reach"),
        ({"network": [NET, NET]}, "one .* a role"),
        ({"network": [NET | {"reach": ["192.0.2.1"]}]}, "is no address:port"),
        ({"network": [NET | {"reach": ["host:80"]}]}, "does not appear"),
        ({"network": [NET | {"reach": ["192.0.2.1:80"], "need": 2}]}, "need must be 1 to 1"),
    ],
)
def test_a_mistake_is_named(told: dict[str, object], complaint: str) -> None:
    with pytest.raises(ProbeSettingsError, match=complaint):
        settings_from(told)


def test_addresses_are_read_in_both_families() -> None:
    assert target("192.0.2.1:22") == ("192.0.2.1", 22)
    assert target("[2001:db8::1]:22") == ("2001:db8::1", 22)


def test_a_servers_name_project_and_addresses_come_from_novas_part_of_its_xml() -> None:
    facts, addresses = described(UUID, XML)
    assert facts == {"uuid": UUID, "name": "web-1", "project": "p1", "flavor": "m1.small"}
    assert addresses == ("192.0.2.7", "2001:db8::7")
    assert GuestProbe("agent-ping", {"name": "web-.*", "project": "p1"}).fits(facts)
    assert not GuestProbe("agent-ping", {"name": "web"}).fits(facts)
    assert described(UUID, "<domain/>") == ({"uuid": UUID}, ())


PROBE = NetworkProbe("storage", "eth1", ("192.0.2.1:22", "192.0.2.2:22", "192.0.2.3:22"), need=2)
FIRST, SECOND, THIRD = PROBE.reach


@pytest.mark.parametrize(
    ("look", "outcome"),
    [
        (Look(carrier=True, reached=PROBE.reach, missed=()), Outcome.WELL),
        (Look(carrier=True, reached=(FIRST, SECOND), missed=(THIRD,)), Outcome.WELL),
        (Look(carrier=True, reached=(FIRST,), missed=(SECOND, THIRD)), Outcome.FAILED),
        (Look(carrier=False, reached=PROBE.reach, missed=()), Outcome.FAILED),
        (Look(carrier=None, reached=(FIRST, THIRD), missed=(SECOND,)), Outcome.WELL),
    ],
)
def test_a_network_needs_its_cable_and_n_of_m_others(look: Look, outcome: Outcome) -> None:
    assert verdict(look, PROBE) is outcome


def test_the_facts_say_which_network_and_what_is_missed() -> None:
    facts = facts_of(Look(carrier=True, reached=(FIRST,), missed=(SECOND, THIRD)), PROBE)
    assert (facts["role"], facts["interface"], facts["cause"]) == ("storage", "eth1", "reach")
    assert (facts["reached"], facts["missed"]) == ("1 of 3 reached, 2 needed", f"{SECOND} {THIRD}")


def test_an_interface_that_is_gone_or_down_has_no_carrier(tmp_path: Path) -> None:
    (tmp_path / "eth1").mkdir()
    assert not carrier("eth1", tmp_path)
    (tmp_path / "eth1" / "carrier").write_text("1\n")
    assert carrier("eth1", tmp_path)
    assert not carrier("eth2", tmp_path)
