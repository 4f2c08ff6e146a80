"""Contract of the Hypervisor port: what is read of guests, what ends them, and what is proof of their end."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from medevac.core.errors import HypervisorUnavailableError
from medevac.flows.ports import Domain, Hypervisor
from tests.contract.hypervisor.stage import HOST, Stage
from tests.fixtures.waiting import until

NOBODY = str(uuid.uuid4())
CALLS: dict[str, Callable[[Hypervisor, str], object]] = {
    "domain": lambda port, server_id: port.domain(HOST, server_id),
    "domains": lambda port, _: port.domains(HOST),
    "activity": lambda port, server_id: port.activity(HOST, server_id),
    "ping_guest": lambda port, server_id: port.ping_guest(HOST, server_id, 1.0),
    "kill": lambda port, server_id: port.kill(HOST, server_id),
    "resume": lambda port, server_id: port.resume(HOST, server_id),
}


def _domain(stage: Stage, server_id: str) -> Domain:
    found = stage.hypervisor.domain(HOST, server_id)
    assert found is not None
    return found


def test_a_guest_that_runs_is_running(stage: Stage) -> None:
    server_id = stage.boot()
    found = _domain(stage, server_id)
    assert (found.server_id, found.state, found.reason) == (server_id, "running", "booted")
    assert (found.persistent, found.autostart) == (True, False)


def test_a_guest_that_its_user_paused_is_paused(stage: Stage) -> None:
    found = _domain(stage, stage.boot(paused=True))
    assert (found.state, found.reason) == ("paused", "user")


def test_a_guest_whose_process_died_is_off_and_crashed(stage: Stage) -> None:
    server_id = stage.boot()
    stage.end(server_id)
    found = _domain(stage, server_id)
    assert (found.state, found.reason) == ("off", "crashed")


def test_what_the_hypervisor_does_not_have_is_none(stage: Stage) -> None:
    assert stage.hypervisor.domain(HOST, NOBODY) is None


def test_every_guest_is_listed_whether_it_runs_or_not(stage: Stage) -> None:
    assert stage.hypervisor.domains(HOST) == {}
    on, off = stage.boot(), stage.boot()
    stage.end(off)
    found = stage.hypervisor.domains(HOST)
    assert {server_id: domain.state for server_id, domain in found.items()} == {on: "running", off: "off"}


@pytest.mark.parametrize("paused", [False, True])
def test_a_killed_guest_is_off_and_the_proof_says_so(stage: Stage, paused: bool) -> None:
    server_id = stage.boot(paused=paused)
    proof = stage.hypervisor.kill(HOST, server_id)
    assert (proof.host, proof.server_id, proof.action) == (HOST, server_id, "killed")
    assert proof.at > 0
    assert proof.source
    assert "off" in proof.raw
    assert not stage.runs(server_id)
    found = _domain(stage, server_id)
    assert (found.state, found.reason) == ("off", "destroyed")


def test_a_killed_guest_does_not_start_with_its_host(stage: Stage) -> None:
    server_id = stage.boot(autostart=True)
    assert _domain(stage, server_id).autostart
    stage.hypervisor.kill(HOST, server_id)
    assert not _domain(stage, server_id).autostart


def test_a_guest_that_is_off_is_proven_off_without_being_killed(stage: Stage) -> None:
    server_id = stage.boot(autostart=True)
    stage.end(server_id)
    assert stage.hypervisor.kill(HOST, server_id).action == "already-off"
    assert not _domain(stage, server_id).autostart


def test_killing_twice_proves_it_twice(stage: Stage) -> None:
    server_id = stage.boot()
    first = stage.hypervisor.kill(HOST, server_id)
    second = stage.hypervisor.kill(HOST, server_id)
    assert (first.action, second.action) == ("killed", "already-off")
    assert second.at >= first.at


def test_a_guest_that_is_not_there_is_proven_absent(stage: Stage) -> None:
    assert stage.hypervisor.kill(HOST, NOBODY).action == "absent"


def test_a_guest_that_stands_still_counts_as_running_and_can_be_killed(stage: Stage) -> None:
    server_id = stage.boot()
    stage.freeze(server_id)
    assert _domain(stage, server_id).state == "running"
    assert stage.hypervisor.kill(HOST, server_id).action == "killed"
    assert not stage.runs(server_id)


def test_only_the_guest_that_is_meant_is_killed(stage: Stage) -> None:
    meant, other = stage.boot(), stage.boot()
    stage.hypervisor.kill(HOST, meant)
    assert stage.runs(other)
    assert _domain(stage, other).state == "running"


def test_a_resumed_guest_runs_and_one_that_runs_is_left_alone(stage: Stage) -> None:
    server_id = stage.boot(paused=True)
    stage.hypervisor.resume(HOST, server_id)
    assert _domain(stage, server_id).state == "running"
    stage.hypervisor.resume(HOST, server_id)
    assert _domain(stage, server_id).state == "running"


@pytest.mark.parametrize("name", ["resume", "activity", "ping_guest"])
def test_a_guest_that_is_off_cannot_be_asked_or_resumed(stage: Stage, name: str) -> None:
    server_id = stage.boot()
    stage.end(server_id)
    with pytest.raises(HypervisorUnavailableError, match="does not run"):
        CALLS[name](stage.hypervisor, server_id)
    with pytest.raises(HypervisorUnavailableError, match="does not run"):
        CALLS[name](stage.hypervisor, NOBODY)
    assert not stage.runs(server_id)


def test_the_counters_of_a_guest_that_works_grow_and_those_of_a_paused_one_do_not(stage: Stage) -> None:
    works, stands = stage.boot(), stage.boot(paused=True)
    before = {each: stage.hypervisor.activity(HOST, each) for each in (works, stands)}
    stage.let_work()
    assert until(lambda: stage.hypervisor.activity(HOST, works).cpu_ns > before[works].cpu_ns)
    after = stage.hypervisor.activity(HOST, stands)
    assert after.block_requests == before[stands].block_requests
    assert after.net_packets == before[stands].net_packets


def test_nothing_is_told_from_the_silence_of_an_agent_that_never_spoke(stage: Stage) -> None:
    assert stage.hypervisor.ping_guest(HOST, stage.boot(), 1.0) is None


@pytest.mark.parametrize("name", CALLS)
def test_a_hypervisor_that_does_not_answer_proves_nothing(stage: Stage, name: str) -> None:
    server_id = stage.boot()
    with stage.silenced(), pytest.raises(HypervisorUnavailableError):
        CALLS[name](stage.hypervisor, server_id)
    assert stage.runs(server_id)


def test_an_order_that_was_given_up_is_not_carried_out_late(stage: Stage) -> None:
    server_id = stage.boot()
    with stage.silenced(), pytest.raises(HypervisorUnavailableError):
        stage.hypervisor.kill(HOST, server_id)
    assert _domain(stage, server_id).state == "running"
    assert stage.hypervisor.kill(HOST, server_id).action == "killed"


def test_a_hypervisor_that_has_left_many_calls_unanswered_is_asked_again_once_it_answers(stage: Stage) -> None:
    with stage.silenced():
        for _ in range(12):
            with pytest.raises(HypervisorUnavailableError):
                stage.hypervisor.domains(HOST)
    assert stage.hypervisor.domains(HOST) == {}
