"""Hold, abort and release, given in the middle of recoveries that real conductors carry out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medevac.core import layout
from medevac.core.event import EventKind
from medevac.core.incident import Incident, IncidentState
from medevac.flows.ports import Clock
from medevac.sandbox.cloud.model import machines
from medevac.workers.brakes import orders
from medevac.workers.brakes.obedience import FORWARD
from medevac.workers.brakes.orders import Order, OrderRefusedError
from medevac.workers.engine.conductor import Conductor
from medevac.workers.incidents import NoSuchIncidentError
from tests.component.brakes.conftest import MakeYard
from tests.component.brakes.yard import Yard
from tests.fixtures.waiting import until

HOST = "az1-c1"
INCIDENT = f"host.down:{HOST}:1"


class Interrupted:
    """A cloud on which somebody does something right after the Nth call of one kind, and before that call returns."""

    def __init__(self, cloud: object, call: str, number: int, act: Callable[[], object]) -> None:
        self._cloud = cloud
        self._call = call
        self._left = number
        self._act = act

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._cloud, name)
        if name != self._call:
            return method

        def interrupted(*arguments: Any, **named: Any) -> Any:
            answer = method(*arguments, **named)
            self._left -= 1
            if self._left == 0:
                self._act()
            return answer

        return interrupted


class Disturbed:
    """A clock on which somebody does something whenever anybody waits."""

    def __init__(self, clock: Clock, act: Callable[[], object]) -> None:
        self._clock = clock
        self._act = act

    def now(self) -> float:
        return self._clock.now()

    def wait(self, seconds: float) -> None:
        self._act()
        self._clock.wait(seconds)


def asked(yard: Yard) -> int:
    """Return how many servers Nova was asked to evacuate."""
    return len(yard.bench.site.cloud.evacuations_from(HOST))


@pytest.fixture
def yard(make_yard: MakeYard) -> Yard:
    """Return a yard on which servers are evacuated one after the other, and one host is lost."""
    made = make_yard(az1=3, az2=3)
    one_by_one = "policy: all\nmatch: everyone\nwhen:\n  host.down: [fence, disable, evacuate: {parallel: 1}, verify]\n"
    (made.bench.folder / "policies" / "10-all.yaml").write_text(one_by_one)
    made.lose(HOST)
    assert made.going() == [HOST]
    return made


def test_a_hold_in_the_middle_stops_before_the_next_server_and_a_release_lets_it_finish(yard: Yard) -> None:
    cloud = Interrupted(
        yard.bench.site.cloud, "evacuate", 1, lambda: orders.hold(yard.client, INCIDENT, yard.said("wait"))
    )
    with yard.conducting(cloud=cloud):
        assert until(lambda: Order.HOLD in orders.given(yard.client, INCIDENT))
        assert until(lambda: yard.claimed() == [])
        assert asked(yard) == 1
        assert yard.incident(HOST).state is IncidentState.RECOVERING
        orders.release(yard.client, INCIDENT, yard.said("go on"))
        assert yard.over(HOST).state is IncidentState.RECOVERED
    assert asked(yard) == 3
    journal = yard.bench.journal(INCIDENT)
    assert "hold by alice: wait" in journal
    assert "release by alice: go on" in journal


def test_a_hold_while_the_fence_device_is_looked_at_keeps_the_power_on(make_yard: MakeYard) -> None:
    yard = make_yard(az1=3, az2=3)
    world = yard.bench.site.world
    with world.settled():
        machines.cut_network(world, HOST)
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_DOWN, HOST))
    fencer = Interrupted(
        yard.bench.site.fencer, "ladder", 1, lambda: orders.hold(yard.client, INCIDENT, yard.said("not that host"))
    )
    with yard.conducting(fencer=fencer):
        assert until(lambda: Order.HOLD in orders.given(yard.client, INCIDENT))
        assert until(lambda: yard.claimed() == [])
        assert world.hosts[HOST].powered
        orders.release(yard.client, INCIDENT, yard.said())
        assert yard.over(HOST).state is IncidentState.RECOVERED
    assert not world.hosts[HOST].powered


def test_an_abort_between_two_tries_of_the_ladder_waits_for_no_other(make_yard: MakeYard) -> None:
    yard = make_yard(az1=3, az2=3)
    world = yard.bench.site.world
    with world.settled():
        machines.cut_network(world, HOST)
    yard.bench.site.bmc.order(HOST, "refuse")
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_DOWN, HOST))
    fencer = Interrupted(yard.bench.site.fencer, "ladder", 1, lambda: orders.abort(yard.client, INCIDENT, yard.said()))
    with yard.conducting(fencer=fencer):
        assert yard.over(HOST).reason.startswith("aborted by alice: because")
    assert yard.bench.site.bmc.power_commands()[HOST] == {"status": 1}


@pytest.mark.parametrize(("port", "calls"), FORWARD.items())
def test_the_calls_that_ask_first_are_calls_of_their_ports(yard: Yard, port: str, calls: frozenset[str]) -> None:
    assert [call for call in calls if not hasattr(getattr(yard.bench.site.ports, port), call)] == []


def test_a_job_on_hold_is_not_claimed(yard: Yard) -> None:
    orders.hold(yard.client, INCIDENT, yard.said())
    yard.lose("az2-c1")
    with yard.conducting():
        assert yard.over("az2-c1").state is IncidentState.RECOVERED
        assert yard.incident(HOST).state is IncidentState.RECOVERING
        assert asked(yard) == 0
        orders.release(yard.client, INCIDENT, yard.said())
        assert yard.over(HOST).state is IncidentState.RECOVERED


def test_an_abort_in_the_middle_stops_and_says_what_was_not_undone(yard: Yard) -> None:
    cloud = Interrupted(
        yard.bench.site.cloud, "evacuate", 1, lambda: orders.abort(yard.client, INCIDENT, yard.said("wrong host"))
    )
    with yard.conducting(cloud=cloud):
        found = yard.over(HOST)
    assert found.state is IncidentState.PARKED
    assert found.reason.startswith("aborted by alice: wrong host; undone: nothing; not undone: ")
    assert f"nova-compute on {HOST} is forced down and disabled (medevac {INCIDENT}: host.down)" in found.reason
    assert f"{HOST} stays off" in found.reason
    assert "servers that have left az1-c1 or are on their way: 1 (az1-c1-s" in found.reason
    assert asked(yard) == 1
    assert yard.client.get_children(layout.BOARD) == []


def test_an_abort_before_any_server_was_moved_puts_the_host_back_as_it_was(yard: Yard) -> None:
    cloud = Interrupted(yard.bench.site.cloud, "take_out", 1, lambda: orders.abort(yard.client, INCIDENT, yard.said()))
    with yard.conducting(cloud=cloud):
        found = yard.over(HOST)
    assert found.state is IncidentState.PARKED
    assert f"undone: nova-compute on {HOST} is as it was before" in found.reason
    assert f"not undone: {HOST} stays off" in found.reason
    service = yard.bench.site.cloud.host_service(HOST)
    assert service is not None
    assert (service.forced_down, service.enabled) == (False, True)
    assert asked(yard) == 0


def test_an_abort_does_not_call_a_host_off_that_only_a_human_calls_so(make_yard: MakeYard) -> None:
    yard = make_yard(az1=3, az2=3)
    with yard.bench.site.world.settled() as world:
        machines.power_off(world, HOST)
    word = {"human": "yes", "by": "ann", "action": "acknowledged", "result": "pulled it"}
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_FENCED, HOST, facts=word))
    cloud = Interrupted(yard.bench.site.cloud, "take_out", 1, lambda: orders.abort(yard.client, INCIDENT, yard.said()))
    with yard.conducting(cloud=cloud):
        reason = yard.over(HOST).reason
    assert f"not undone: {HOST} was not switched off by medevac (acknowledged by ann: pulled it)" in reason


def test_an_abort_of_a_return_says_how_the_host_stands_and_how_it_returns_all_the_same(yard: Yard) -> None:
    returning = f"host.up:{HOST}:1"
    with yard.conducting():
        yard.over(HOST)
        yard.bench.pass_time(60)
    with yard.bench.site.world.settled() as world:
        machines.power_on(world, HOST)
    yard.bench.pass_time(60)
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_MEMBER, HOST))

    def abort() -> object:
        return orders.abort(yard.client, returning, yard.said("not yet"))

    with yard.conducting(cloud=Interrupted(yard.bench.site.cloud, "put_back", 1, abort)):
        assert until(lambda: yard.bench.incident(returning).state.final)
    assert yard.bench.incident(returning).reason == (
        f"aborted by alice: not yet; undone: nothing; not undone: nova-compute on {HOST} is still disabled "
        f"(medevac {INCIDENT}: host.down; no longer forced down); "
        f"its return begins anew with: medevac event post host.member {HOST}"
    )


CONTROLS = {
    "alternatives": "[fence, disable, {first_of: [{evacuate: {parallel: 1}}, {evacuate: {parallel: 1}}]}, verify]",
    "rounds": "[fence, disable, {retry: {times: 2, steps: [{evacuate: {parallel: 1}}, verify]}}]",
    "side by side": "[fence, disable, {together: [{evacuate: {parallel: 1}}, {notify: {to: us, text: it}}]}, verify]",
}


@pytest.mark.parametrize("steps", CONTROLS.values(), ids=CONTROLS)
@pytest.mark.parametrize(("call", "moved"), [("take_out", 0), ("evacuate", 1)])
def test_an_abort_ends_flows_with_control_too(make_yard: MakeYard, steps: str, call: str, moved: int) -> None:
    yard = make_yard(az1=3, az2=3)
    text = f"policy: all\nmatch: everyone\nwhen:\n  host.down: {steps}\n"
    (yard.bench.folder / "policies" / "10-all.yaml").write_text(text)
    yard.lose(HOST)
    cloud = Interrupted(yard.bench.site.cloud, call, 1, lambda: orders.abort(yard.client, INCIDENT, yard.said()))
    with yard.conducting(cloud=cloud):
        found = yard.over(HOST)
    assert found.state is IncidentState.PARKED
    assert found.reason.startswith("aborted by alice: because; ")
    assert asked(yard) == moved


class Doomed:
    """Two conductors, whichever of which claims: the one that has the job loses it as if its process had died."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self._conductors: list[Conductor] = []

    def die(self) -> None:
        for conductor in self._conductors:
            conductor.board.revoke_all()

    def over(self, cloud: object) -> Incident:
        """Return the incident once both together have ended it, on *cloud*."""
        yard = self._yard
        orders.hold(yard.client, INCIDENT, yard.said("until both are there"))
        with yard.conducting("first", cloud) as first, yard.conducting("second", cloud) as second:
            self._conductors += [first, second]
            orders.release(yard.client, INCIDENT, yard.said())
            return yard.over(HOST)

    @property
    def claims(self) -> int:
        return sum(line.startswith("claimed by") for line in self._yard.bench.journal(INCIDENT).splitlines())


@pytest.mark.parametrize("step", ["wait: 1h", "{wait_for: {server: gone, within: 1h}}"])
def test_an_abort_is_not_put_off_by_a_step_that_lets_time_pass(make_yard: MakeYard, step: str) -> None:
    yard = make_yard(az1=3, az2=3)
    text = f"policy: all\nmatch: everyone\nwhen:\n  host.down: [fence, disable, {step}, evacuate, verify]\n"
    (yard.bench.folder / "policies" / "10-all.yaml").write_text(text)
    yard.lose(HOST)
    clock = yard.bench.site.clock
    began = clock.now()

    def abort_once_it_waits() -> None:
        if "waiting" in yard.bench.journal(INCIDENT):
            orders.abort(yard.client, INCIDENT, yard.said())

    with yard.conducting(clock=Disturbed(clock, abort_once_it_waits)):
        found = yard.over(HOST)
    assert f"undone: nova-compute on {HOST} is as it was before" in found.reason
    assert asked(yard) == 0
    assert found.ended_at is not None
    assert found.ended_at - began < 10 * 60


def test_an_abort_survives_the_death_of_the_conductor(yard: Yard) -> None:
    doomed = Doomed(yard)

    def abort_and_die() -> None:
        orders.abort(yard.client, INCIDENT, yard.said())
        doomed.die()

    assert doomed.over(Interrupted(yard.bench.site.cloud, "evacuate", 1, abort_and_die)).state is IncidentState.PARKED
    assert (asked(yard), doomed.claims) == (1, 2)


def test_an_abort_whose_conductor_dies_while_it_undoes_is_completed_by_another(yard: Yard) -> None:
    doomed = Doomed(yard)
    real = yard.bench.site.cloud
    aborting = Interrupted(real, "take_out", 1, lambda: orders.abort(yard.client, INCIDENT, yard.said()))
    found = doomed.over(Interrupted(aborting, "put_back", 1, doomed.die))
    assert found.state is IncidentState.PARKED
    assert f"undone: nova-compute on {HOST} is as it was before" in found.reason
    service = real.host_service(HOST)
    assert service is not None
    assert (service.forced_down, service.enabled) == (False, True)
    assert doomed.claims == 2


def test_an_incident_that_nobody_works_on_is_aborted_by_the_command_itself(yard: Yard) -> None:
    told = orders.abort(yard.client, INCIDENT, yard.said())
    assert told == "nobody was at work on it: it has ended as parked"
    assert yard.incident(HOST).state is IncidentState.PARKED
    assert yard.incident(HOST).reason == "aborted by alice: because; nothing had been done, so nothing was undone"
    assert yard.client.get_children(layout.BOARD) == []


def test_a_held_incident_is_aborted_by_the_command_itself(make_yard: MakeYard) -> None:
    yard = make_yard(az1=4)
    yard.lose(*(f"az1-c{n}" for n in range(1, 5)))
    orders.abort(yard.client, INCIDENT, yard.said())
    assert yard.incident(HOST).state is IncidentState.PARKED
    yard.later(100)
    assert yard.incident(HOST).state is IncidentState.PARKED


def test_orders_that_make_no_sense_are_refused_with_the_reason(yard: Yard) -> None:
    with pytest.raises(NoSuchIncidentError, match="medevac incident list"):
        orders.hold(yard.client, "host.down:nobody:1", yard.said())
    with pytest.raises(OrderRefusedError, match="nothing holds"):
        orders.release(yard.client, INCIDENT, yard.said())
    yard.end(HOST)
    with pytest.raises(OrderRefusedError, match="has ended"):
        orders.abort(yard.client, INCIDENT, yard.said())


def test_an_order_given_twice_is_one(yard: Yard) -> None:
    orders.hold(yard.client, INCIDENT, yard.said("first"))
    orders.hold(yard.client, INCIDENT, yard.said("second"))
    assert orders.given(yard.client, INCIDENT)[Order.HOLD].why == "second"
    orders.release(yard.client, INCIDENT, yard.said())
    assert orders.given(yard.client, INCIDENT) == {}


def test_two_conductors_never_recover_more_hosts_at_once_than_the_cap(make_yard: MakeYard) -> None:
    yard = make_yard(az1=8, hosts_at_once=2, least=100, per_minute=100)
    most = Most(yard)
    yard.lose(*(f"az1-c{n}" for n in range(1, 7)))
    with yard.conducting("first", most), yard.conducting("second", most):
        assert until(lambda: yard.over_after(6) == 6, 60)
    assert most.seen == 2
    assert {yard.incident(f"az1-c{n}").state for n in range(1, 7)} == {IncidentState.RECOVERED}


class Most:
    """A cloud that notes at how many hosts work is under way whenever Nova is asked for a server."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard
        self.seen = 0

    def __getattr__(self, name: str) -> Any:
        if name == "evacuate":
            self.seen = max(self.seen, len(self._yard.going()))
        return getattr(self._yard.bench.site.cloud, name)
