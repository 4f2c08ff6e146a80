"""What medevac did to a server is known beyond the incident in which it did it."""

from __future__ import annotations

from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import guests
from medevac.workers.deeds import Deeds
from tests.component.workers.bench import DATABASE, SERVERS, WEB, Bench


def recovered(bench: Bench, boot: str, server: str = WEB) -> None:
    with bench.site.world.settled() as world:
        guests.crash(world, SERVERS[server])
    incident_id = bench.settled(bench.server_event(EventKind.SERVER_CRASHED, server, boot=boot)).incident
    bench.work(f"conductor-{server}-{boot}")
    assert bench.incident(incident_id).state is IncidentState.RECOVERED


def test_restarts_of_a_server_are_counted_over_its_incidents_and_not_those_of_others(bench: Bench) -> None:
    began = bench.now
    recovered(bench, "1")
    bench.pass_time(100.0)
    later = bench.now
    recovered(bench, "2")
    recovered(bench, "1", DATABASE)
    deeds = Deeds(bench.client)
    assert [word for _, word in deeds.deeds(SERVERS[WEB], began - 1)] == ["restart", "restart"]
    assert [word for _, word in deeds.deeds(SERVERS[WEB], later - 1)] == ["restart"]
    assert [word for _, word in deeds.deeds(SERVERS[DATABASE], began - 1)] == ["restart"]
    assert deeds.deeds("no-such-server", 0.0) == []


def test_what_is_swept_meanwhile_counts_no_more(bench: Bench) -> None:
    recovered(bench, "1")
    bench.client.delete(f"/incidents/server.crashed:{SERVERS[WEB]}:1", recursive=True)
    assert Deeds(bench.client).deeds(SERVERS[WEB], 0.0) == []
