from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.core.errors import ClaimLostError, FencingError, NoEvidenceError
from medevac.core.evidence import FenceEvidence
from medevac.flows.rung import HEARTBEAT, Answer, Case, Rung
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.fakes import START
from medevac.sandbox.fencer import FakeFencer
from tests.unit.fencing.climbing import BMC, HOST, INCIDENT, PDU, Climbing


def test_evidence_says_for_which_incident_and_when_it_was_seen() -> None:
    case = Climbing()
    evidence = case.fence()
    assert not case.has_power()
    assert (evidence.host, evidence.incident, evidence.action) == (HOST, INCIDENT, "off")
    assert evidence.at >= START
    assert case.site.log.evidence() == evidence


def test_a_host_that_is_off_already_is_success_without_an_order() -> None:
    case = Climbing()
    case.power("off")
    assert case.fence().action == "already-off"
    assert case.orders() == 0


@pytest.mark.parametrize("mode", ["refuse", "hang", "unreachable"])
def test_a_bmc_that_died_with_its_host_goes_to_the_next_rung(mode: str) -> None:
    case = Climbing([BMC, PDU])
    case.site.bmc.order(HOST, mode)
    evidence = case.fence()
    assert (evidence.source, evidence.action) == ("agent:pdu", "off")
    assert not case.has_power()
    assert "through pdu" in case.told()


def test_rungs_are_tried_in_their_order() -> None:
    case = Climbing([PDU, BMC])
    assert case.fence().source == "agent:pdu"


def test_nothing_left_is_no_evidence_with_every_rungs_answer_and_what_would_release_it() -> None:
    case = Climbing([BMC, PDU])
    case.site.bmc.order(HOST, "unreachable")
    case.site.bmc.order(HOST, "refuse", via="pdu")
    with pytest.raises(NoEvidenceError) as caught:
        case.fence()
    told = str(caught.value)
    assert "bmc: the fence device did not answer" in told
    assert "pdu: the fence device refused" in told
    assert f"medevac incident ack {INCIDENT} --fenced --by YOUR-NAME --why HOW-YOU-KNOW" in told
    assert case.site.log.evidence() is None
    assert case.has_power()


def test_the_whole_ladder_is_tried_again_until_the_sites_limit() -> None:
    case = Climbing([BMC, PDU])
    case.site.bmc.order(HOST, "unreachable")
    case.site.bmc.order(HOST, "unreachable", via="pdu", seconds=10.0)
    assert case.fence().source == "agent:pdu"
    assert "trying again in" in case.told()


def test_a_host_without_a_ladder_has_no_evidence() -> None:
    case = Climbing(())
    with pytest.raises(NoEvidenceError, match="no fence device is configured for dead"):
        case.fence()


def test_a_bmc_that_reboots_instead_of_switching_off_gives_no_evidence() -> None:
    case = Climbing([replace(BMC, timeout=3.0)])
    case.site.bmc.order(HOST, "reboot")
    with pytest.raises(NoEvidenceError, match="bmc: it is on"):
        case.fence()


def test_power_that_comes_back_between_two_readings_is_no_evidence() -> None:
    case = Climbing([replace(BMC, times=2, timeout=3.0)])
    case.site.bmc.order(HOST, "bounce")
    with pytest.raises(NoEvidenceError, match="off for a moment and is on again"):
        case.fence()
    assert case.site.log.evidence() is None


def test_one_reading_alone_would_have_believed_it() -> None:
    case = Climbing([BMC])
    case.site.bmc.order(HOST, "bounce")
    assert case.fence().action == "off"
    assert case.has_power()


def test_a_lying_device_is_caught_by_the_rung_that_must_agree_and_that_rung_fences() -> None:
    case = Climbing([replace(BMC, confirm_by=("pdu",)), PDU])
    case.site.bmc.order(HOST, "lie")
    evidence = case.fence()
    assert evidence.source == "agent:pdu"
    assert not case.has_power()


def test_a_lying_device_that_nobody_can_contradict_is_not_believed_where_somebody_must_agree() -> None:
    case = Climbing([replace(BMC, confirm_by=("pdu",)), PDU])
    case.site.bmc.order(HOST, "lie")
    case.site.bmc.order(HOST, "unreachable", via="pdu")
    with pytest.raises(NoEvidenceError, match="is not believed: pdu cannot confirm it"):
        case.fence()


def test_a_rung_that_remembers_is_ordered_before_it_agrees() -> None:
    memory = Rung("memory", timeout=10.0, looks_first=False)
    case = Climbing([replace(BMC, confirm_by=("memory",)), memory])
    case.site.bmc.order(HOST, "lie")
    assert case.fence().confirmed_by == ("memory",)
    assert "ordering the power of dead off through memory" in case.told()
    assert not case.has_power()


def test_agreement_is_written_into_the_evidence() -> None:
    case = Climbing([replace(BMC, confirm_by=("pdu",)), PDU])
    assert case.fence().confirmed_by == ("pdu",)
    assert "and so pdu says" in case.told()


def test_a_lying_device_is_caught_by_nova_computes_heartbeat() -> None:
    case = Climbing([replace(BMC, confirm_by=(HEARTBEAT,))])
    with case.site.world.settled() as world:
        machines.mend_network(world, HOST)
    case.site.bmc.order(HOST, "lie")
    with pytest.raises(NoEvidenceError, match="nova-compute there goes on reporting"):
        case.fence()


def test_a_host_whose_heartbeat_has_stopped_for_long_is_believed_at_once() -> None:
    case = Climbing([replace(BMC, confirm_by=(HEARTBEAT,))])
    case.pass_time(60.0)
    before = case.site.clock.now()
    assert case.fence().confirmed_by == (HEARTBEAT,)
    assert case.site.clock.now() == before


def test_a_heartbeat_that_has_only_just_stopped_is_waited_for() -> None:
    case = Climbing([replace(BMC, confirm_by=(HEARTBEAT,))])
    with case.site.world.settled() as world:
        machines.mend_network(world, HOST)
    before = case.site.clock.now()
    assert case.fence().confirmed_by == (HEARTBEAT,)
    assert case.site.clock.now() - before >= 10.0


def test_no_order_is_given_without_the_claim() -> None:
    case = Climbing()
    case.site.log.owned = False
    with pytest.raises(ClaimLostError):
        case.fence()
    assert case.orders() == 0


def test_evidence_that_somebody_stores_meanwhile_ends_the_climb() -> None:
    case = Climbing([BMC, PDU])
    case.site.bmc.order(HOST, "unreachable")
    case.site.bmc.order(HOST, "unreachable", via="pdu")
    word = FenceEvidence(HOST, START + 5, "human:ann", "acknowledged", "cable pulled")
    with case.site.world.settled() as world:
        world.after(5.0, lambda: case.site.log.add_evidence(word))
    assert case.fence().source == "human:ann"


def test_evidence_of_an_earlier_incarnation_is_refused_and_forgotten_and_the_ladder_climbed() -> None:
    case = Climbing()
    case.site.log.add_evidence(FenceEvidence(HOST, START - 600, "pacemaker", "off", "by node2: OK"))
    evidence = case.fence()
    assert evidence.source == "agent:fake"
    assert "no evidence for this incident: it is 600 s older than the failure" in case.told()


def test_evidence_for_another_incident_is_refused() -> None:
    case = Climbing()
    case.site.log.add_evidence(FenceEvidence(HOST, START, "pacemaker", "off", "OK", incident="host.down:dead:7"))
    assert case.fence().source == "agent:fake"
    assert "another incarnation" in case.told()


def test_refused_evidence_alone_leaves_the_incident_without_any() -> None:
    case = Climbing(())
    case.site.log.add_evidence(FenceEvidence(HOST, START - 600, "pacemaker", "off", "by node2: OK"))
    with pytest.raises(NoEvidenceError):
        case.fence()
    assert case.site.log.evidence() is None


class Remembering(FakeFencer):
    """A rung that remembers an old fencing, as Pacemaker's history does."""

    def look(self, case: Case, rung: Rung) -> Answer:
        assert not rung.orders
        return Answer(FenceEvidence(case.host, case.failed_at - 600.0, "pacemaker", "reboot", "OK"))


def test_a_rung_that_remembers_an_old_fencing_is_not_believed() -> None:
    case = Climbing()
    case.fencer = Remembering(case.site.bmc, [replace(BMC, orders=False, timeout=0.0)])
    with pytest.raises(NoEvidenceError, match="600 s older than the failure"):
        case.fence()


class Watchdog(FakeFencer):
    """A rung that needs to know when the host was last heard of."""

    def look(self, case: Case, rung: Rung) -> Answer:
        assert rung.wants_contact
        assert case.contact is not None
        safe = case.contact + 40.0
        if case.now < safe:
            return Answer(words="not yet")
        return Answer(FenceEvidence(case.host, safe, "self", "reboot", "the watchdog has fired"))


def test_a_watchdogs_time_counts_from_the_last_contact_and_is_waited_for() -> None:
    case = Climbing()
    rung = Rung("self", timeout=60.0, orders=False, interval=2.0, wants_contact=True)
    case.fencer = Watchdog(case.site.bmc, [rung])
    assert case.fence().source == "self"
    assert case.site.clock.now() - START >= 40.0


def test_a_host_that_is_heard_of_again_and_again_is_never_taken_for_dead_by_its_watchdog() -> None:
    case = Climbing()
    with case.site.world.settled() as world:
        machines.mend_network(world, HOST)
    case.fencer = Watchdog(case.site.bmc, [Rung("self", timeout=60.0, orders=False, interval=2.0, wants_contact=True)])
    with pytest.raises(NoEvidenceError, match="self: not yet"):
        case.fence()


def test_somebody_is_paged_when_nothing_could_fence_it() -> None:
    human = Rung("human", timeout=0.0, orders=False, page="oncall")
    case = Climbing([BMC, human])
    case.site.bmc.order(HOST, "unreachable")
    case.site.bmc.order(HOST, "unreachable", via="human")
    with pytest.raises(NoEvidenceError):
        case.fence()
    assert [sent.target for sent in case.site.notifier.sent] == ["oncall"]
    assert "medevac incident ack" in case.site.notifier.sent[0].text


class Storage(FakeFencer):
    """A rung that takes the host's storage away."""

    def look(self, case: Case, rung: Rung) -> Answer:
        assert rung.orders
        return Answer(FenceEvidence(case.host, case.now, "command:ceph", "fenced", "on the blocklist"))


@pytest.mark.parametrize("reports", [True, False])
def test_a_host_without_storage_must_be_silent_too(*, reports: bool) -> None:
    case = Climbing()
    case.fencer = Storage(case.site.bmc)
    if reports:
        with case.site.world.settled() as world:
            machines.mend_network(world, HOST)
        with pytest.raises(NoEvidenceError, match="goes on reporting to Nova"):
            case.fence()
    else:
        case.pass_time(60.0)
        assert case.fence().confirmed_by == (HEARTBEAT,)


WORD = FenceEvidence(HOST, START + 1, "human:ann", "acknowledged", "pulled its plug")


def test_a_humans_word_about_a_host_that_nova_still_hears_is_not_believed() -> None:
    case = Climbing(())
    with case.site.world.settled() as world:
        machines.mend_network(world, HOST)
    case.site.log.add_evidence(WORD)
    with pytest.raises(
        NoEvidenceError, match=r"what human:ann says is no evidence.*goes on reporting to Nova; no fence"
    ):
        case.fence()
    assert case.site.log.evidence() is None


def test_a_humans_word_about_a_host_that_is_silent_is_taken_at_once() -> None:
    case = Climbing(())
    case.pass_time(60.0)
    word = replace(WORD, at=START + 60)
    case.site.log.add_evidence(word)
    assert case.fence() == word
    assert case.site.clock.now() == START + 60


def test_a_humans_word_about_a_host_that_has_only_just_fallen_silent_is_waited_with() -> None:
    case = Climbing(())
    case.site.log.add_evidence(WORD)
    assert case.fence() == WORD
    assert case.site.clock.now() - START >= 10


def rebooted(rung: Rung) -> Climbing:
    """Return a host that Pacemaker has fenced by a reboot, and that boots."""
    case = Climbing([rung])
    case.power("off")
    case.power("on")
    case.site.log.add_evidence(FenceEvidence(HOST, START, "pacemaker", "reboot", "by node2: OK"))
    return case


def test_a_host_that_was_rebooted_is_kept_off_where_the_site_says_so() -> None:
    case = rebooted(replace(BMC, keeps_off=True))
    evidence = case.fence()
    assert (evidence.source, evidence.action) == ("agent:fake", "off")
    assert case.site.log.evidence() == evidence
    assert not case.has_power()
    assert "dead stays off" in case.told()


def test_otherwise_a_fencing_by_reboot_is_taken_as_it_is() -> None:
    case = rebooted(BMC)
    assert case.fence().action == "reboot"
    assert case.orders() == 0


def test_a_host_that_cannot_be_kept_off_was_off_all_the_same() -> None:
    case = rebooted(replace(BMC, keeps_off=True))
    case.site.bmc.order(HOST, "unreachable")
    assert case.fence().action == "reboot"
    assert "could not be kept off by bmc: the fence device did not answer" in case.told()


def test_a_watchdog_says_nothing_of_a_host_that_lives() -> None:
    case = Climbing()
    case.brief = replace(case.brief, failure="nova-compute.down")
    case.fencer = Watchdog(case.site.bmc, [Rung("self", timeout=60.0, orders=False, interval=2.0, wants_contact=True)])
    with pytest.raises(NoEvidenceError, match="self: it counts from a lost contact, and this host is reached"):
        case.fence()


class Overtaken(FakeFencer):
    """A device that refuses, and a human who gives his word while it is asked."""

    def __init__(self, case: Climbing) -> None:
        super().__init__(case.site.bmc)
        self.log = case.site.log

    def look(self, case: Case, rung: Rung) -> Answer:
        if case.now == START:
            self.log.add_evidence(WORD)
        raise FencingError(f"{rung.name} refuses")


@pytest.mark.parametrize("reports", [True, False])
def test_a_humans_word_that_comes_while_rungs_are_tried_is_asked_about_as_well(*, reports: bool) -> None:
    case = Climbing()
    case.fencer = Overtaken(case)
    if reports:
        with case.site.world.settled() as world:
            machines.mend_network(world, HOST)
        with pytest.raises(NoEvidenceError, match=r"what human:ann says is no evidence.*goes on reporting"):
            case.fence()
        assert case.site.log.evidence() is None
    else:
        assert case.fence() == WORD
        assert case.site.clock.now() - START >= 10
