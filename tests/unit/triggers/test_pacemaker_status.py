"""crm_mon's answers, as real clusters gave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medevac.triggers.pacemaker_status import StatusError, parse_status

FOLDER = Path(__file__).parent.parent.parent / "data" / "pacemaker-status"


def captured(name: str) -> str:
    return (FOLDER / name).read_text()


def test_a_fenced_remote_is_offline_and_clean() -> None:
    status = parse_status(captured("fenced.xml"))
    assert {node.name: (node.online, node.unclean) for node in status.remotes} == {
        "compute1": (False, False),
        "compute2": (True, False),
    }
    assert status.quorum
    (fencing,) = status.fencings
    assert (fencing.target, fencing.action, fencing.success) == ("compute1", "reboot", True)
    assert fencing.completed == 1795363329.0
    assert not fencing.human


def test_a_remote_that_waits_to_be_fenced_is_unclean() -> None:
    status = parse_status(captured("unclean.xml"))
    assert [node.name for node in status.remotes if node.unclean] == ["compute3"]
    assert not status.fencings[0].success
    assert status.version == "2.1.5-a3f44794f94"


def test_a_humans_word_is_told_from_a_fencing() -> None:
    status = parse_status(captured("unclean.xml"))
    assert [each.target for each in status.fencings if each.human] == ["compute2"]


def test_fencings_come_newest_first() -> None:
    completed = [each.completed for each in parse_status(captured("history.xml")).fencings]
    assert len(completed) > 5
    assert completed == sorted(completed, reverse=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "crm_mon: Error: cluster is not available on this node",
        "<crm_mon/>",
        "<pacemaker-result><fence_history><fence_event completed='yesterday'/></fence_history></pacemaker-result>",
    ],
)
def test_an_answer_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(StatusError):
        parse_status(text)


def test_a_cluster_without_a_controller_has_no_quorum() -> None:
    status = parse_status("<pacemaker-result><summary><current_dc present='false'/></summary></pacemaker-result>")
    assert (status.quorum, status.version, status.nodes, status.fencings) == (False, "", {}, ())
