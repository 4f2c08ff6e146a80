"""Reserved hosts: which stand in, who may take them, and when they go back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.flows import factory
from medevac.flows.brief import Brief
from medevac.flows.policy.language import Evacuate, PolicySet
from medevac.flows.ports import HostService
from medevac.flows.preview import Question, preview
from medevac.flows.reserved import Reserved, Within, choose
from medevac.sandbox.cloud.model import services, verdict
from medevac.sandbox.cloud.model.services import ServiceUpdate
from tests.unit.flows.recovering import DEAD, MARK, SITE, Recovery, policy, trying

KEPT = Reserved(hosts=("spare-*",))
BRIEF = Brief("host.down:dead:1", "host.down", DEAD, 0.0, SITE)


def a_host(name: str, zone: str = "az1", reason: str = "reserved", *, state: str = "up") -> HostService:
    return HostService(
        name, name, zone, enabled=not reason, state=state, forced_down=False, disabled_reason=reason, updated_at=None
    )


FAILED = a_host("compute-1", reason="")


@pytest.mark.parametrize(
    ("kept", "spares", "aggregates", "chosen", "reason"),
    [
        (KEPT, [a_host("spare-1"), a_host("spare-2")], {}, ("spare-1",), "spare-1 stands in"),
        (replace(KEPT, most=2), [a_host("spare-1"), a_host("spare-2")], {}, ("spare-1", "spare-2"), "0 stay reserved"),
        (KEPT, [a_host("spare-1", "az2")], {}, (), "no reserved host is free in zone az1: spare-1 elsewhere"),
        (KEPT, [a_host("spare-1", reason="broken fan")], {}, (), "no reserved host is free: none"),
        (KEPT, [a_host("spare-1", reason="")], {}, (), "no reserved host is free: none"),
        (KEPT, [a_host("spare-1", state="down")], {}, (), "no reserved host is free: none"),
        (KEPT, [a_host("other-1")], {}, (), "no reserved host is free: none"),
        (KEPT, [a_host("spare-1")], {"gpu": ["compute-1"]}, (), "spare-1 lacks gpu"),
        (
            KEPT,
            [a_host("spare-1"), a_host("spare-2")],
            {"gpu": ["compute-1", "spare-2"]},
            ("spare-2",),
            "spare-2 stands in for compute-1, 1 stay reserved",
        ),
        (
            replace(KEPT, within=Within.ZONE),
            [a_host("spare-1"), a_host("spare-2")],
            {"gpu": ["compute-1", "spare-2"], "rack": ["compute-1"]},
            ("spare-2",),
            "stands in",
        ),
        (
            Reserved(aggregates=("pool",)),
            [a_host("odd-name")],
            {"pool": ["odd-name"]},
            ("odd-name",),
            "stands in",
        ),
    ],
)
def test_a_reserved_host_is_one_that_is_disabled_for_that_reason_and_near_enough(
    kept: Reserved, spares: list[HostService], aggregates: dict[str, list[str]], chosen: tuple[str, ...], reason: str
) -> None:
    choice = choose(kept, FAILED, [FAILED, *spares], aggregates)
    assert choice.hosts == chosen
    assert reason in choice.reason


class Kept(Recovery):
    """A host that dies, another that is full, and two reserved ones."""

    def __init__(self, *servers: str, others: tuple[str, ...] = ()) -> None:
        super().__init__(*servers, spares=("spare-1", "spare-2", *others))
        for host in ("spare-1", "spare-2"):
            self.set_service(host, status="disabled", disabled_reason="reserved")

    def set_service(self, host: str, **change: object) -> None:
        with self.world.settled() as world:
            services.update(world, world.hosts[host], ServiceUpdate(**change))  # type: ignore[arg-type] # its own fields

    def recover(self, evacuate: Evacuate | None = None, **told: object) -> None:
        kept = replace(KEPT, **told)  # type: ignore[arg-type] # its own fields
        self.run(policy(evacuate=evacuate), settings=replace(SITE, reserved=kept))

    def reserve(self) -> dict[str, str]:
        """Return why each of the reserved hosts is disabled; empty where it is enabled."""
        hosts = self.world.hosts
        return {name: hosts[name].disabled_reason or "" for name in ("spare-1", "spare-2")}


def test_a_reserved_host_takes_the_servers_of_the_one_that_died_and_the_other_stays_reserved() -> None:
    recovery = Kept("a", "b")
    recovery.recover()
    assert recovery.site.log.state == "recovered"
    assert {recovery.server(name).host for name in "ab"} == {"spare-1"}
    assert recovery.reserve() == {"spare-1": "", "spare-2": "reserved"}
    with recovery.world.settled() as world:
        assert verdict.violations(world) == ()


def test_a_reserved_host_that_nobody_came_to_is_reserved_again() -> None:
    recovery = Kept("a", others=("roomy",))
    with recovery.world.settled() as world:
        world.hosts["spare-1"].ram_mb = 1
    recovery.recover()
    assert recovery.server("a").host == "roomy"
    assert recovery.reserve() == {"spare-1": "reserved", "spare-2": "reserved"}
    assert "spare-1 is reserved again" in recovery.told()


def test_a_server_that_finds_no_host_does_not_take_the_next_reserved_one() -> None:
    recovery = Kept("a")
    with recovery.world.settled() as world:
        world.mishaps.refuse_claims["spare-1"] = 99
    recovery.recover(trying(3, wait=1))
    assert recovery.site.log.state == "parked"
    assert recovery.reserve() == {"spare-1": "reserved", "spare-2": "reserved"}


def test_nobody_stands_in_for_a_host_without_servers() -> None:
    recovery = Kept()
    recovery.recover()
    assert recovery.site.log.state == "recovered"
    assert "stands in" not in recovery.told()
    assert recovery.reserve() == {"spare-1": "reserved", "spare-2": "reserved"}


def test_a_host_that_an_operator_has_disabled_for_a_reason_of_his_own_is_not_taken() -> None:
    recovery = Kept("a")
    recovery.set_service("spare-1", status="disabled", disabled_reason="new disks")
    recovery.recover()
    assert recovery.server("a").host == "spare-2"
    assert recovery.reserve() == {"spare-1": "new disks", "spare-2": ""}


def test_an_operator_who_takes_the_host_while_it_stands_in_keeps_it() -> None:
    recovery = Kept("a", others=("roomy",))
    recovery.after(0.5, lambda: recovery.set_service("spare-1", status="disabled", disabled_reason="mine"))
    recovery.recover()
    assert recovery.reserve() == {"spare-1": "mine", "spare-2": "reserved"}


def test_a_recovery_that_is_undone_gives_its_reserved_hosts_back() -> None:
    recovery = Kept("a")
    with recovery.world.settled() as world:
        world.mishaps.refuse_claims["spare-1"] = 99
    recovery.after(0.01, lambda: recovery.fault("reset", path="/os-migrations", until=SITE.patience + 5))
    recovery.recover()
    assert recovery.raised is not None
    assert "spare-1 was reserved and is enabled now" in recovery.told()
    assert recovery.reserve() == {"spare-1": "reserved", "spare-2": "reserved"}


def test_a_worker_that_takes_over_before_the_choice_was_stored_chooses_no_other() -> None:
    recovery = Kept("a")
    mark = KEPT.taken(MARK.removeprefix("medevac "))
    recovery.set_service("spare-2", status="disabled", disabled_reason=mark)
    recovery.recover()
    assert recovery.server("a").host == "spare-2"
    assert recovery.reserve() == {"spare-1": "reserved", "spare-2": ""}


def test_a_host_that_another_recovery_has_taken_is_not_taken() -> None:
    recovery = Kept("a")
    recovery.set_service("spare-1", status="disabled", disabled_reason=KEPT.taken("host.down:other:1"))
    recovery.recover()
    assert recovery.server("a").host == "spare-2"


def test_sites_without_reserved_hosts_have_the_atoms_that_they_always_had() -> None:
    atoms = {node.name for node, _ in factory.assemble(BRIEF, [policy()]).iter_nodes()}
    kept = replace(BRIEF, settings=replace(SITE, reserved=KEPT))
    assert atoms == {"fence", "survey", "disable", "plan", "evacuate:everyone", "verify:everyone", "report"}
    added = {node.name for node, _ in factory.assemble(kept, [policy()]).iter_nodes()} - atoms
    assert added == {"reserve-choose", "reserve", "reserve-return"}


def test_a_plan_says_beforehand_which_host_would_stand_in() -> None:
    recovery = Kept("a")
    kept = replace(SITE, reserved=KEPT)
    seen = preview(recovery.site.cloud, DEAD, Question("host.down", PolicySet((policy(),), "digest"), kept, 0.0))
    assert seen is not None
    assert seen.reserved == "spare-1 stands in for dead, 1 stay reserved"
    assert recovery.reserve() == {"spare-1": "reserved", "spare-2": "reserved"}
