"""Resource alerts: by a whitelist, judged on those that a real Pacemaker sent."""

from __future__ import annotations

import pytest

from medevac.core.event import Event, EventKind, SubjectKind
from medevac.triggers.pacemaker import NotAnEvent, classify
from medevac.triggers.pacemaker_failures import WINDOW, Failures
from medevac.triggers.pacemaker_resource import Services, is_mended
from medevac.triggers.settings import settings_from
from tests.fixtures.pacemaker import captured

CAPTURED = dict(captured("resource"))
DIED = CAPTURED["s09.001.node1.resource"]
UNSTARTABLE = CAPTURED["s10.004.node2.resource"]
WORKS = CAPTURED["s09.005.node1.resource"]
TOLD = {
    "s09.001.node1.resource": "nova-compute.down",
    "s10.001.node2.resource": "nova-compute.down",
    "s10.004.node2.resource": "nova-compute.down",
    "s11.001.node3.resource": "nova-compute.down",
    "s11b.001.node3.resource": "nova-compute.down",
    "s05.019.node1.resource": "nova-compute.up",
    "s09.005.node1.resource": "nova-compute.up",
    "s13.012.node3.resource": "nova-compute.up",
}
"""All captured resource alerts that say how a service is; the others say nothing."""


def judge(environment: dict[str, str], services: Services | None = None) -> Event | NotAnEvent:
    return classify(environment, reporter="node1", now=1_800_000_000.0, services=services)


def changed(alert: dict[str, str], **values: str) -> dict[str, str]:
    return alert | {f"CRM_alert_{name}": value for name, value in values.items()}


@pytest.mark.parametrize("name", CAPTURED)
def test_captured_resource_alerts_say_what_happened_to_the_service(name: str) -> None:
    found = judge(CAPTURED[name])
    assert (found.kind.value if isinstance(found, Event) else None) == TOLD.get(name)


def test_a_failure_names_service_host_and_what_the_cluster_was_about() -> None:
    event = judge(DIED)
    assert isinstance(event, Event)
    assert (event.subject.kind, event.subject.name) == (SubjectKind.HOST, "compute1")
    told = {name: event.facts[name] for name in ("service", "host", "task", "rc", "cause")}
    assert told == {"service": "nova-compute", "host": "compute1", "task": "monitor", "rc": "1", "cause": "failed"}


def test_only_a_monitor_of_what_nobody_else_can_judge_is_left_to_the_cluster_to_mend() -> None:
    libvirt, control = changed(DIED, rsc="libvirt"), changed(DIED, rsc="nova-api")
    unstartable = changed(UNSTARTABLE, rsc="libvirt")
    cases = ((libvirt, True), (control, True), (unstartable, False), (DIED, False), (WORKS, False))
    for alert, mended in cases:
        event = judge(alert)
        assert isinstance(event, Event)
        assert is_mended(event.kind, event.facts) is mended


def test_a_monitor_that_ran_out_of_time_is_a_hang_and_one_that_found_nothing_a_stop() -> None:
    causes = {"s": changed(DIED, status="2"), "r": changed(DIED, rc="7"), "p": changed(DIED, status="4")}
    events = {name: judge(alert) for name, alert in causes.items()}
    assert {name: event.facts["cause"] for name, event in events.items() if isinstance(event, Event)} == {
        "s": "hung",
        "r": "stopped",
        "p": "failed",
    }


@pytest.mark.parametrize("values", [{"status": "8"}, {"status": "1"}, {"status": "?"}, {"rc": ""}, {"interval": "0"}])
def test_what_is_about_the_host_or_cannot_be_read_says_nothing(values: dict[str, str]) -> None:
    assert isinstance(judge(changed(DIED, **values)), NotAnEvent)


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("nova-compute:3", "nova-compute.down"),
        ("openstack-nova-compute-clone", "nova-compute.down"),
        ("libvirtd", "libvirt.down"),
        ("rabbitmq", "control-plane.down"),
        ("openstack-nova-conductor:1", "control-plane.down"),
        ("nova-compute-gpu", None),
        ("fence-nova-compute", None),
        ("", None),
    ],
)
def test_services_are_known_by_the_names_of_their_resources(resource: str, kind: str | None) -> None:
    found = judge(changed(DIED, rsc=resource))
    assert (found.kind.value if isinstance(found, Event) else None) == kind


def test_a_site_names_its_resources_itself() -> None:
    settings = settings_from({"MEDEVAC_NOVA_COMPUTE": "compute-service, other", "MEDEVAC_REPEATS": "3"})
    assert settings.repeats == 3
    found = judge(changed(DIED, rsc="compute-service"), settings.services)
    assert isinstance(found, Event)
    assert found.kind is EventKind.NOVA_COMPUTE_DOWN
    assert isinstance(judge(DIED, settings.services), NotAnEvent)
    assert settings.services.libvirt == Services().libvirt
    assert "MEDEVAC_REPEATS" in settings_from({"MEDEVAC_REPEATS": "many"}).complaint


def test_failures_of_one_service_on_one_host_are_counted_for_a_while(tmp_path: object) -> None:
    folder = f"{tmp_path}/failures"
    assert [Failures(folder).note("compute1", "nova-compute", at) for at in (1000.0, 1001.0)] == [1, 2]
    assert Failures(folder).note("compute2", "nova-compute", 1001.0) == 1
    assert Failures(folder).note("compute1", "../../etc", 1001.0) == 1
    assert Failures(folder).note("compute1", "nova-compute", 1002.0 + WINDOW) == 1


def test_a_long_list_of_failures_is_cut(tmp_path: object) -> None:
    failures = Failures(f"{tmp_path}/failures")
    counts = [failures.note("compute1", "nova-compute", 1_800_000_000.0) for _ in range(600)]
    assert counts[-1] > 100
