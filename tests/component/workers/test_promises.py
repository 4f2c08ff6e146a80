"""Three promises for the servers of one live host, on a real ZooKeeper and the product's conductor."""

from __future__ import annotations

from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model import machines, verdict
from tests.component.workers.bench import DATABASE, HOST, SERVERS, WEB, Bench

PET = """policy: pet
match: {server: database}
when:
  host.down: [fence, disable, evacuate, verify]
  nova-compute.down: leave
"""
EVERYONE = """policy: everyone
match: everyone
when:
  host.down: [fence, disable, evacuate, verify]
  nova-compute.down:
    - disable
    - wait_for: {service: nova-compute, within: 2m}
    - first_of:
        - [kill, evacuate, verify]
        - page
"""


def test_one_server_is_killed_with_proof_and_started_elsewhere_while_its_neighbour_runs_on(bench: Bench) -> None:
    folder = bench.folder / "policies"
    (folder / "10-pet.yaml").write_text(PET)
    (folder / "90-everyone.yaml").write_text(EVERYONE)
    with bench.site.world.settled() as world:
        machines.kill_compute(world, HOST)
    bench.pass_time(120.0)
    opened = bench.settled(bench.host_event(EventKind.NOVA_COMPUTE_DOWN))
    bench.work()
    incident = bench.incident(opened.incident)
    assert incident.state is IncidentState.RECOVERED, incident.reason
    with bench.site.world.settled() as world:
        assert verdict.violations(world) == ()
        assert world.ledger.hosts_of(SERVERS[DATABASE]) == (HOST,)
        (moved_to,) = world.ledger.hosts_of(SERVERS[WEB])
    assert moved_to != HOST
    told = bench.journal(opened.incident)
    assert "killed on compute-1" in told
    assert "database is left: policy pet leaves it" in told
