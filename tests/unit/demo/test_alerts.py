from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from medevac.core.event import Event, EventKind
from medevac.sandbox.demo.alerts import COPIES, NODES, alerts, environment
from medevac.triggers.pacemaker import classify

CAPTURED = Path(__file__).parents[2] / "data" / "pacemaker-alerts"


def _environments(tmp_path: Path, *, fenced: bool) -> list[dict[str, str]]:
    told = alerts("compute-2", fenced=fenced)
    return [environment(tmp_path, "127.0.0.1:2181/medevac", alert, n) for n, alert in enumerate(told)]


def _kinds(environments: list[dict[str, str]]) -> Counter[EventKind]:
    found = [classify(each, reporter="here", now=0.0) for each in environments]
    assert all(isinstance(each, Event) and each.subject.name == "compute-2" for each in found)
    return Counter(each.kind for each in found if isinstance(each, Event))


def test_three_nodes_send_ten_alerts(tmp_path: Path) -> None:
    told = list(alerts("compute-2", fenced=False))

    assert len(told) == COPIES == 10
    assert {alert["from"] for alert in told} == set(NODES)


def test_a_fencing_that_failed_proves_nothing(tmp_path: Path) -> None:
    kinds = _kinds(_environments(tmp_path, fenced=False))

    assert kinds == {EventKind.HOST_LOST: 3, EventKind.HOST_FENCING_FAILED: 7}


def test_a_fencing_that_was_done_is_told_as_evidence(tmp_path: Path) -> None:
    kinds = _kinds(_environments(tmp_path, fenced=True))

    assert kinds == {EventKind.HOST_LOST: 3, EventKind.HOST_FENCED: 7}


@pytest.mark.parametrize(
    ("number", "captured"), [(0, "s06.003.node3.node.env"), (3, "s06.006.node1.fencing.env")], ids=["node", "fencing"]
)
def test_an_alert_has_the_variables_of_a_captured_one(tmp_path: Path, number: int, captured: str) -> None:
    real = {line.partition("=")[0] for line in (CAPTURED / captured).read_text().splitlines()}

    ours = _environments(tmp_path, fenced=False)[number]

    assert {name for name in ours if name.startswith("CRM_")} == {name for name in real if name.startswith("CRM_")}
    assert "HOME" not in ours
