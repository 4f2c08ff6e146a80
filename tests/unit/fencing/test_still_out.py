from __future__ import annotations

import pytest

from medevac.core.errors import HostReturnedError, NoEvidenceError
from medevac.core.evidence import FenceEvidence, Life, objection, speaks_for
from medevac.core.wire import from_plain, to_plain
from medevac.flows.ports import Ports
from medevac.flows.steps.disable import Disable, Survey
from medevac.flows.still_out import still_out
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.fakes import START
from tests.unit.fencing.climbing import HOST, INCIDENT, Climbing

LIFE = Life(HOST, INCIDENT, START)


def proof(at: float = START, action: str = "reboot", **told: str) -> FenceEvidence:
    return FenceEvidence(HOST, at, "pacemaker", action, "by node2: OK", **told)


def rebooted() -> Climbing:
    """Return a host that Pacemaker has fenced with its default action, disabled, and not back yet."""
    case = Climbing()
    reboot(case)
    case.site.log.add_evidence(proof())
    take_out(case.ports, case)
    return case


def reboot(case: Climbing) -> None:
    case.power("off")
    case.power("on")
    with case.site.world.settled() as world:
        machines.mend_network(world, HOST)


def take_out(ports: Ports, case: Climbing) -> None:
    service = Survey(case.brief).execute(ports=ports)
    Disable(case.brief).execute(ports=ports, service=service, evidence={})


def boot(case: Climbing) -> None:
    """Let so much time pass that nova-compute of a host with power reports again."""
    case.pass_time(case.site.world.settings.boot_seconds + 30.0)


@pytest.mark.parametrize(
    ("evidence", "against"),
    [
        (proof(START - 5.0), ""),
        (proof(START + 900.0), ""),
        (proof(START - 5.1), "older than the failure"),
        (proof(incident=INCIDENT), ""),
        (proof(incident="host.down:dead:2"), "another incarnation"),
        (FenceEvidence("other", START, "pacemaker", "off", "OK"), "it is about other"),
    ],
)
def test_evidence_speaks_for_one_incarnation_of_one_host(evidence: FenceEvidence, against: str) -> None:
    assert against in objection(evidence, LIFE)
    assert speaks_for(evidence, LIFE) == (not against)


def test_evidence_stored_by_an_earlier_release_is_read_and_speaks() -> None:
    stored = {"host": HOST, "at": START, "source": "pacemaker", "action": "off", "detail": "OK"}
    evidence = from_plain(FenceEvidence, stored)
    assert speaks_for(evidence, LIFE)
    assert from_plain(FenceEvidence, to_plain(evidence)) == evidence


def test_right_after_the_fencing_nothing_is_waited_for() -> None:
    case = rebooted()
    case.pass_time(5.0)
    before = case.site.clock.now()
    still_out(case.ports, case.brief, proof())
    assert case.site.clock.now() == before


def test_a_host_that_works_again_is_not_evacuated() -> None:
    case = rebooted()
    boot(case)
    with pytest.raises(HostReturnedError, match="dead works again since it was fenced"):
        still_out(case.ports, case.brief, to_plain(proof()))


def test_a_host_that_stays_off_is_evacuated_whenever_that_is() -> None:
    case = Climbing()
    evidence = case.fence()
    take_out(case.ports, case)
    boot(case)
    before = case.site.clock.now()
    still_out(case.ports, case.brief, evidence)
    assert case.site.clock.now() == before


def test_what_we_changed_of_the_service_is_not_taken_for_a_report() -> None:
    case = Climbing()
    evidence = case.fence()
    boot(case)
    take_out(case.ports, case)
    still_out(case.ports, case.brief, evidence)


def test_a_service_that_somebody_let_in_again_is_not_evacuated() -> None:
    case = Climbing()
    evidence = case.fence()
    boot(case)
    with pytest.raises(HostReturnedError, match="not forced down any more"):
        still_out(case.ports, case.brief, evidence)


def test_what_is_stored_counts_where_none_is_given() -> None:
    case = rebooted()
    still_out(case.ports, case.brief)
    boot(case)
    with pytest.raises(HostReturnedError):
        still_out(case.ports, case.brief)


def test_evidence_that_is_gone_or_of_another_incarnation_is_none() -> None:
    case = Climbing()
    with pytest.raises(NoEvidenceError, match="is gone"):
        still_out(case.ports, case.brief)
    old = proof(START - 600.0)
    case.site.log.add_evidence(old)
    with pytest.raises(NoEvidenceError, match="older than the failure"):
        still_out(case.ports, case.brief, old)
    assert case.site.log.evidence() is None


def test_a_fencing_that_is_found_only_when_the_host_works_again_starts_nothing() -> None:
    case = Climbing()
    reboot(case)
    case.site.log.add_evidence(proof())
    boot(case)
    with pytest.raises(HostReturnedError, match="works again since it was fenced"):
        case.fence()
    assert case.orders() == 0
    with pytest.raises(HostReturnedError):
        case.fence()  # whoever takes over must not fence it either
    assert case.site.log.evidence() == proof()


def test_a_fencing_that_is_found_late_is_evidence_while_the_host_is_silent() -> None:
    case = Climbing()
    case.power("off")
    case.site.log.add_evidence(proof())
    boot(case)
    assert case.fence() == proof()
