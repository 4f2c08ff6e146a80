"""What reconciliation makes of the cluster's records: it adds what no alert told, and errs towards silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medevac.core.errors import MedevacError
from medevac.core.event import EventKind
from medevac.triggers.pacemaker_status import Node, Status, parse_status
from medevac.triggers.reconcile import (
    OLDEST,
    SETTLING,
    Findings,
    Memory,
    event_id,
    find,
    read_memory,
    remember,
    write_memory,
)

CAPTURED = Path(__file__).parent.parent.parent / "data" / "pacemaker-status"
FENCED = parse_status((CAPTURED / "fenced.xml").read_text())
UNCLEAN = parse_status((CAPTURED / "unclean.xml").read_text())
HISTORY = parse_status((CAPTURED / "history.xml").read_text())
THEN = FENCED.fencings[0].completed


def look(status: Status, memory: Memory | None = None, at: float = THEN + 10) -> Findings:
    return find(status, memory or Memory(), reporter="node1", now=at)


def with_node(status: Status, **changes: bool) -> Status:
    return replace(status, nodes={**status.nodes, "compute1": replace(status.nodes["compute1"], **changes)})


def with_fencing(**changes: str | bool) -> Status:
    return replace(FENCED, fencings=(replace(FENCED.fencings[0], **changes),))


def test_a_fenced_remote_is_found() -> None:
    (event,) = look(FENCED).fencings
    assert (event.kind, event.subject.name, event.seen_at) == (EventKind.HOST_FENCED, "compute1", THEN)
    assert event.facts["by"] == "node3"
    assert event.facts["client"] == "pacemaker-controld.67"
    assert "human" not in event.facts


def test_every_node_and_every_run_gives_one_fencing_the_same_id() -> None:
    (here,) = find(FENCED, Memory(), reporter="node1", now=THEN + 10).fencings
    (there,) = find(FENCED, Memory(), reporter="node2", now=THEN + 300).fencings
    assert here.id == there.id
    assert here.id.startswith(f"{int(THEN * 1_000_000):016x}-fence-")


def test_other_fencings_have_other_ids() -> None:
    first = FENCED.fencings[0]
    others = [replace(first, target="compute2"), replace(first, completed=THEN + 1), replace(first, origin="node2")]
    assert len({event_id(each) for each in (first, *others)}) == 4


@pytest.mark.parametrize(
    "status",
    [
        with_node(FENCED, online=True),
        with_node(FENCED, unclean=True),
        with_node(FENCED, remote=False),
        with_fencing(success=False),
        with_fencing(action="on"),
        with_fencing(target="compute9"),
    ],
    ids=["it is back", "it is not fenced yet", "a full node", "the fencing failed", "unfencing", "unknown"],
)
def test_what_proves_no_death_is_left_alone(status: Status) -> None:
    assert look(status).fencings == ()


def test_an_old_fencing_is_left_to_a_human() -> None:
    assert look(FENCED, at=THEN + OLDEST - 1).fencings
    assert look(FENCED, at=THEN + OLDEST + 1).fencings == ()


def test_a_host_that_was_back_since_is_no_victim_of_that_fencing() -> None:
    assert look(FENCED, Memory(up_at={"compute1": THEN + SETTLING + 1}), at=THEN + 600).fencings == ()
    assert look(FENCED, Memory(up_at={"compute1": THEN + 5}), at=THEN + 600).fencings


def test_what_was_posted_is_not_posted_again() -> None:
    found = look(FENCED)
    memory = remember(FENCED, Memory(), found, THEN + 10)
    assert look(FENCED, memory, at=THEN + 20) == Findings((), ())


def test_a_remote_that_hangs_unfenced_is_not_called_dead() -> None:
    found = find(UNCLEAN, Memory(), reporter="node1", now=UNCLEAN.fencings[0].completed + 10)
    assert found.fencings == ()


def test_only_the_newest_success_counts_and_a_humans_word_stays_one() -> None:
    human = replace(FENCED.fencings[0], action="off", completed=THEN + 5, delegate="a human", client="stonith_admin.7")
    status = replace(FENCED, fencings=(human, *FENCED.fencings))
    (event,) = look(status).fencings
    assert event.facts["human"] == "yes"


def test_our_own_request_is_told_from_the_clusters() -> None:
    (event,) = look(with_fencing(client="(null).medevac.1284")).fencings
    assert event.facts["tag"] == "medevac"


def test_a_remote_is_told_up_when_that_is_news() -> None:
    found = look(FENCED)
    assert [event.subject.name for event in found.members] == ["compute2"]
    assert {event.kind for event in found.members} == {EventKind.HOST_MEMBER}
    assert look(FENCED, Memory(online=("compute2",))).members == ()


def test_full_nodes_are_not_told_up() -> None:
    names = {event.subject.name for event in find(HISTORY, Memory(), reporter="n", now=2e9).members}
    assert names == {"compute1", "compute2", "compute3", "compute4"}


def test_online_soon_after_a_fencing_is_not_believed_yet() -> None:
    back = with_node(FENCED, online=True)
    names = [event.subject.name for event in look(back, at=THEN + SETTLING - 1).members]
    assert names == ["compute2"]
    memory = remember(back, Memory(), look(back, at=THEN + 1), THEN + 1)
    later = look(back, memory, at=THEN + SETTLING + 1)
    assert [event.subject.name for event in later.members] == ["compute1"]


def test_the_minoritys_view_tells_nobody_up() -> None:
    assert look(replace(FENCED, quorum=False)).members == ()


def test_a_name_that_cannot_be_a_host_is_left_alone() -> None:
    odd = Node("../x", online=True, unclean=False, remote=True)
    status = replace(FENCED, nodes={odd.name: odd})
    assert look(status) == Findings((), ())


def test_the_memory_survives_and_forgets_old_fencings(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    assert read_memory(path) == Memory()
    memory = remember(FENCED, Memory(), look(FENCED), THEN + 10)
    write_memory(path, memory)
    assert read_memory(path) == memory
    assert [each.name for each in tmp_path.iterdir()] == ["memory.json"]
    assert remember(FENCED, memory, Findings((), ()), THEN + 3 * OLDEST).posted == ()


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    path.write_text("{")
    assert read_memory(path) == Memory()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MedevacError, match="make its folder"):
        write_memory(tmp_path / "missing" / "memory.json", Memory())
