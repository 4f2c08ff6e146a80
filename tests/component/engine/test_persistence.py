"""What our persistence stores is TaskFlow's: stock tools read it, and stock conductors could go on from it."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from kazoo.client import KazooClient
from taskflow import states
from taskflow.persistence.backends.impl_zookeeper import ZkBackend
from taskflow.persistence.models import FlowDetail

from medevac.core import layout
from medevac.workers.engine.parking import parked
from tests.component.engine.flows import said
from tests.component.engine.harness import conducting, post
from tests.fixtures.waiting import until


def stored(client: KazooClient) -> FlowDetail:
    """Return the only flow, read by TaskFlow's own backend."""
    with closing(ZkBackend({"path": layout.BOOKS}, client=client).get_connection()) as connection:
        (book,) = connection.get_logbooks()
    (flow,) = book
    return flow


def test_stock_reads_what_ours_wrote(zk: KazooClient, zk_hosts: str, events: Path) -> None:
    with conducting("ours", zk_hosts):
        post(zk, "job", {"found": [1, 2]}, factory="rich")
        assert until(lambda: zk.get_children(layout.BOARD) == [])
    assert [each["atom"] for each in said(events) if each["event"] == "execute"].count("right") == 2
    flow = stored(zk)
    assert flow.state == states.SUCCESS
    assert {atom.name: atom.state for atom in flow} == dict.fromkeys(
        ("before", "times", "left", "right", "after"), states.SUCCESS
    )
    assert next(atom for atom in flow if atom.name == "right").results == {"found": [1, 2]}


@pytest.mark.parametrize(("first", "second"), [("ours", "stock"), ("stock", "ours")])
def test_one_goes_on_where_the_other_stopped(
    first: str, second: str, zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    gate = events.with_name("gate")
    with conducting(first, zk_hosts) as running:
        post(zk, "job", {"name": "a", "gate": str(gate)}, {"name": "b"})
        assert until(lambda: len(said(events)) == 1)
        running.conductor.stop()
        gate.touch()
    assert stored(zk).state == states.SUSPENDED
    with conducting(second, zk_hosts):
        assert until(lambda: zk.get_children(layout.BOARD) == [])
    assert [each["atom"] for each in said(events) if each["event"] == "execute"] == ["a", "b"]


def test_a_result_that_zookeeper_would_not_take_parks_its_job_and_keeps_the_connection(
    zk: KazooClient, zk_hosts: str, events: Path
) -> None:
    with conducting("ours", zk_hosts, prepare=lambda _job, _claim: {"ports": lambda: "x" * 1_200_000}) as running:
        session = running.client.client_id
        post(zk, "big", factory="with_ports")
        assert until(lambda: zk.get_children(layout.BOARD) == [])
        assert running.client.client_id == session
    assert [record.reason.partition(":")[0] for record in parked(zk).values()] == ["TooLargeError"]
    assert said(events) == []


def writes_of_a_job_of_four_steps(kind: str, client: KazooClient, hosts: str) -> dict[str, list[int]]:
    """Return how often each record was written after it had been created."""
    with conducting(kind, hosts):
        post(client, "job", *({"name": name} for name in "abcd"))
        assert until(lambda: client.get_children(layout.BOARD) == [])
    folders = {name: f"{layout.BOOKS}/{name}" for name in ("flow_details", "atom_details")}
    return {
        name: [client.get(f"{folder}/{child}")[1].version for child in client.get_children(folder)]
        for name, folder in folders.items()
    }


def test_ours_writes_a_record_only_when_there_is_news(zk: KazooClient, zk_hosts: str) -> None:
    # RUNNING and SUCCESS of the flow; RUNNING and SUCCESS of each step, which RUNNING of the flow has created.
    assert writes_of_a_job_of_four_steps("ours", zk, zk_hosts) == {"flow_details": [2], "atom_details": [2, 2, 2, 2]}


def test_that_the_last_step_has_succeeded_is_one_write_with_what_follows(zk: KazooClient, zk_hosts: str) -> None:
    writes_of_a_job_of_four_steps("ours", zk, zk_hosts)
    folders = (f"{layout.BOOKS}/{name}" for name in ("flow_details", "atom_details"))
    (flow,), atoms = ([zk.get(f"{folder}/{each}")[1].mzxid for each in zk.get_children(folder)] for folder in folders)
    assert max(atoms) == flow


def test_a_result_does_not_wait_for_a_step_beside_it_that_takes_long(
    zk: KazooClient, zk_hosts: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with conducting("ours", zk_hosts):
        post(zk, "job", [{"name": "slow", "gate": str(gate)}, {"name": "quick"}], factory="side_by_side")
        assert until(lambda: states_of_atoms(zk) == {"slow": "RUNNING", "quick": "SUCCESS"})
        gate.touch()
        assert until(lambda: zk.get_children(layout.BOARD) == [])


def states_of_atoms(client: KazooClient) -> dict[str, str]:
    folder = f"{layout.BOOKS}/atom_details"
    found = [json.loads(client.get(f"{folder}/{each}")[0])["atom"] for each in client.get_children(folder)]
    return {atom["name"]: atom["state"] for atom in found}


def test_stock_writes_records_again_and_again(zk: KazooClient, zk_hosts: str) -> None:
    writes = writes_of_a_job_of_four_steps("stock", zk, zk_hosts)
    assert sum(map(sum, writes.values())) > 20
