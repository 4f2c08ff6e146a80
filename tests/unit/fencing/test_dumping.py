"""A host that writes its crash dump: left alone, or evacuated at once, as the policies of its servers say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.core.errors import NoEvidenceError
from medevac.core.evidence import KDUMP, FenceEvidence
from medevac.core.wire import from_plain
from medevac.flows.policy.language import Disable, Evacuate, Fence, Flow, Leave, Match, Policy, WhileDumping
from medevac.flows.rung import Answer, Case, Rung
from medevac.flows.steps.fence import Fence as FenceStep
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.fakes import START
from medevac.sandbox.fencer import FakeFencer
from tests.unit.fencing.climbing import BMC, HOST, SETTINGS, Climbing
from tests.unit.flows.recovering import Recovery

WAIT, EVACUATE = WhileDumping.WAIT, WhileDumping.EVACUATE
ENDS = 60.0
"""Seconds that the dump takes."""


class Dumping(FakeFencer):
    """A rung that hears of a crash dump, before the BMC."""

    ends = START + ENDS

    def look(self, case: Case, rung: Rung) -> Answer:
        if rung.name != "kdump":
            return super().look(case, rung)
        if case.now >= self.ends:
            return Answer(words="it has written its crash dump", final=True)
        dumping = FenceEvidence(case.host, case.now, "kdump:listener", KDUMP, "message of 10.0.0.7")
        return Answer(words="it still writes its crash dump", dumping=dumping)


def policy(name: str, says: WhileDumping | None, match: Match | None = None) -> Policy:
    flow = Flow((Fence(says), Disable(), Evacuate()))
    return Policy(name=name, match=match or Match(), when={"host.down": flow})


def dying(*, site: bool = False, limit: float = 300.0) -> Climbing:
    """Return a host, with the server a, that dumps."""
    case = Climbing()
    case.brief = replace(case.brief, settings=replace(SETTINGS, shared_storage=("*",)))
    kdump = Rung("kdump", timeout=limit, orders=False, interval=5.0, dump_proves=site)
    case.fencer = Dumping(case.site.bmc, [kdump, BMC])
    return case


def fenced(case: Climbing, *policies: Policy) -> FenceEvidence:
    return from_plain(FenceEvidence, FenceStep(case.brief, policies).execute(ports=case.ports))


@pytest.mark.parametrize(("limit", "ordered_at"), [(300.0, ENDS), (10.0, 10.0)])
def test_a_host_that_dumps_is_left_alone_until_it_has_finished_or_the_limit(limit: float, ordered_at: float) -> None:
    case = dying(limit=limit)
    assert fenced(case, policy("everyone", WAIT)).source == "agent:fake"
    ordered = next(entry.at for entry in case.site.log.entries if "ordering the power" in entry.text)
    assert ordered - START == ordered_at
    assert "it is left alone until it has finished (policy everyone wants that)" in case.told()


def test_evacuation_begins_while_it_dumps_where_the_policy_says_so() -> None:
    case = dying()
    evidence = fenced(case, policy("everyone", EVACUATE))
    assert (evidence.source, evidence.action, evidence.confirmed_by) == ("kdump:listener", KDUMP, ("heartbeat",))
    assert evidence.at < START + ENDS
    assert case.orders() == 0


@pytest.mark.parametrize("site", [True, False])
@pytest.mark.parametrize("says", [WAIT, EVACUATE, None])
def test_a_policy_that_does_not_say_takes_the_sites_word(says: WhileDumping | None, *, site: bool) -> None:
    evidence = fenced(dying(site=site), policy("everyone", says))
    at_once = says is EVACUATE or (says is None and site)
    assert (evidence.action == KDUMP) == at_once


def test_the_strictest_of_those_who_have_servers_there_decides() -> None:
    mine, other = Match(server=("a",)), Match(server=("b",))
    assert fenced(dying(), policy("eager", EVACUATE, other), policy("strict", WAIT)).action == "off"
    assert fenced(dying(), policy("strict", WAIT, mine), policy("eager", EVACUATE)).action == "off"
    assert fenced(dying(), policy("strict", WAIT, other), policy("eager", EVACUATE)).action == KDUMP


def test_a_policy_that_leaves_its_servers_where_they_are_does_not_count() -> None:
    left = Policy(name="left", match=Match(server=("a",)), when={"host.down": Flow((Leave(),))})
    assert fenced(dying(), left, policy("eager", EVACUATE)).action == KDUMP


def test_a_cloud_that_does_not_say_whose_servers_are_there_is_not_waited_for_and_the_dump_is() -> None:
    case = dying()
    case.site.world.mishaps.order("status", status=503, until=START + 90.0)
    policies = policy("strict", WAIT, Match(server=("b",))), policy("eager", EVACUATE)
    assert fenced(case, *policies).action == "off"
    assert "Nova does not say whose servers are on it" in case.told()
    assert case.site.clock.now() - START == pytest.approx(ENDS, abs=10.0)


def test_a_host_that_nova_still_hears_does_not_dump_whatever_somebody_sends() -> None:
    case = dying()
    with case.site.world.settled() as world:
        machines.mend_network(world, HOST)
    assert fenced(case, policy("everyone", EVACUATE)).action == "off"


def test_a_dump_that_nobody_takes_for_proof_leaves_a_host_without_a_device_held() -> None:
    case = dying()
    case.site.bmc.order(HOST, "unreachable")
    with pytest.raises(NoEvidenceError, match="kdump: it has written its crash dump"):
        fenced(case, policy("everyone", WAIT))


def test_a_recovery_evacuates_a_host_that_dumps_and_the_dump_is_written_to_its_end() -> None:
    recovery = Recovery("a", "b")
    recovery.site.fencer = Dumping(recovery.site.bmc, [Rung("kdump", 300.0, orders=False, interval=5.0), BMC])
    recovery.order("power")  # what ran there is over; what writes the dump is no part of the simulated world
    recovery.run(policy("everyone", EVACUATE))
    assert recovery.results() == {"a": "recovered", "b": "recovered"}
    assert "dead is off: kdump:listener says message of 10.0.0.7" in recovery.told()
    assert recovery.seconds() < ENDS
