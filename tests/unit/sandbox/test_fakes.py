"""The fakes fail in the ways that the real adapters do."""

from __future__ import annotations

import pytest

from medevac.core.errors import ClaimLostError, CloudUnavailableError, FencingError, OutcomeUnknownError
from medevac.core.journal import JournalEntry
from medevac.sandbox.cloud.model import machines
from medevac.sandbox.power.bmc import BmcError
from tests.unit.sandbox.town import Town


def test_time_passes_only_when_somebody_waits(town: Town) -> None:
    before = town.clock.now()
    town.clock.wait(5.0)
    assert town.clock.now() == before + 5.0


@pytest.mark.parametrize(("kind", "done"), [("reset", 0), ("hang", 0), ("status", 0), ("lost", 1), ("silent", 1)])
def test_an_evacuation_whose_answer_does_not_come_has_an_unknown_outcome(town: Town, kind: str, done: int) -> None:
    server = town.server()
    town.lose()
    town.world.mishaps.order(kind, body="evacuate", count=1)
    with pytest.raises(OutcomeUnknownError):
        town.cloud.evacuate(server.id)
    assert len(town.cloud.evacuations_from("h1")) == done


def test_a_read_whose_answer_does_not_come_is_unavailable_and_the_next_one_works(town: Town) -> None:
    town.world.mishaps.order("reset", path="/os-services", count=1)
    with pytest.raises(CloudUnavailableError):
        town.cloud.host_service("h1")
    assert town.cloud.host_service("h1") is not None


def test_an_order_for_a_time_ends_with_it(town: Town) -> None:
    town.world.mishaps.order("reset", until=town.clock.now() + 3.0)
    with pytest.raises(CloudUnavailableError):
        town.cloud.servers_on("h1")
    town.clock.wait(3.0)
    assert town.cloud.servers_on("h1") == ()


def test_calls_are_counted_by_route(town: Town) -> None:
    town.cloud.server("nobody")
    town.cloud.server("somebody")
    assert town.world.requests == {"GET /compute/v2.1/servers/{id}": 2}


def test_a_bmc_counts_its_commands(town: Town) -> None:
    town.order()
    town.look()
    assert town.bmc.power_commands() == {"h1": {"off": 1, "status": 1}}


def test_a_bmc_that_lies_says_off_while_the_guests_run_on(town: Town) -> None:
    server = town.server()
    town.bmc.order("h1", "lie")
    town.order()
    assert town.look() is not None
    assert town.runs_on(server) == ("h1",)


@pytest.mark.parametrize("mode", ["refuse", "hang", "unreachable"])
def test_a_bmc_that_does_not_obey_proves_nothing(town: Town, mode: str) -> None:
    town.bmc.order("h1", mode, count=1)
    with pytest.raises(FencingError):
        town.look()
    assert town.look() is None


def test_a_bmc_keeps_strangers_out(town: Town) -> None:
    with pytest.raises(BmcError):
        town.bmc.log_in("root", "guess")


def test_a_host_without_power_needs_no_order(town: Town) -> None:
    machines.power_off(town.world, "h1")
    evidence = town.look()
    assert evidence is not None
    assert evidence.action == "already-off"


def test_a_logbook_whose_claim_is_lost_takes_nothing(town: Town) -> None:
    entry = JournalEntry(0.0, "plan", "nothing to do")
    town.log.append([entry])
    town.log.owned = False
    with pytest.raises(ClaimLostError):
        town.log.append([entry])
    assert town.log.entries == [entry]
