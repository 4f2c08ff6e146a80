"""From a killed qemu to the server's return: a real guest, the listener, triage, a conductor and a simulated cloud."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from medevac.core.event import EventKind
from medevac.core.handled import Handled, Outcome
from medevac.core.wire import decode
from medevac.sandbox.cloud.model import guests as model
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from tests.fixtures.livesite import LiveSite
from tests.fixtures.waiting import until
from tests.libvirt.conftest import HOST, Ear, Guest

HOSTS = (HostSpec(HOST, zone="az1"), HostSpec("compute-2", zone="az1"))


def handled(ear: Ear) -> list[Handled]:
    names = sorted(ear.client.get_children("/handled"))
    return [decode(Handled, ear.client.get(f"/handled/{name}")[0]) for name in names]


@pytest.mark.timeout(600)
def test_a_killed_server_is_restarted_and_one_that_its_owner_ended_is_left_alone(
    ear: Ear, guests: Callable[[str], Guest]
) -> None:
    killed, ended = guests("to-recover"), guests("to-leave")
    for each in (killed, ended):
        each.boot(wait=False)
    spec = SiteSpec(HOSTS, tuple(ServerSpec(each.name, HOST, id=each.uuid) for each in (killed, ended)))
    ear.start()
    with LiveSite(ear.client, spec) as site:
        site.conduct()
        with ended.domain() as domain:
            domain.destroy()  # as Nova does when it is told to stop a server
        ear.wait_for("STOPPED/DESTROYED")
        cause = time.time()
        with site.world.settled() as world:
            model.crash(world, killed.uuid)
        killed.kill()
        assert until(site.recovered, 90), site.journals()
        (incident,) = site.incidents()
    assert (incident.failure, incident.subject.name, incident.host) == ("server.crashed", killed.uuid, HOST)
    told = [each for each in handled(ear) if each.event.kind is EventKind.SERVER_CRASHED]
    assert [each.outcome for each in told] == [Outcome.INCIDENT]
    assert {each.event.subject.name for each in handled(ear)} == {killed.uuid}
    stored, over = incident.stored_at - cause, (incident.ended_at or 0.0) - cause
    seen = told[0].event.seen_at - cause
    print(f"\n  qemu killed: seen after {seen:.2f} s, incident after {stored:.2f} s, server back after {over:.2f} s")  # noqa: T201 - a measurement
