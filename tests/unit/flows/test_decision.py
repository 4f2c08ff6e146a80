"""The decision: which policies a host's death concerns, how urgent it is, and the sentence for what is not done."""

from __future__ import annotations

import textwrap
from pathlib import Path

from medevac.core.event import Subject, SubjectKind
from medevac.core.incident import Incident, IncidentState
from medevac.flows import factory
from medevac.flows.decision import Decision, decide
from medevac.flows.plan import Settings
from medevac.flows.policy.reader import read_policies
from medevac.flows.ports import HostService

MOVE = "[fence, disable, evacuate, verify]"


def answer(folder: Path, *policies: str) -> Decision:
    for number, policy in enumerate(policies):
        (folder / f"{number}.yaml").write_text(textwrap.dedent(policy))
    host = Subject(SubjectKind.HOST, "compute-1")
    incident = Incident("host.down:compute-1:1", "host.down", host, 1, 5.0, IncidentState.RECOVERING, "")
    service = HostService("id", "compute-1", "az1", True, "down", False, "", None)  # noqa: FBT003 - a row of Nova's
    return decide(incident, service, read_policies(folder), Settings())


def policy(name: str, *, match: str = "everyone", priority: str = "normal", when: str = MOVE) -> str:
    return f"policy: {name}\nmatch: {match}\npriority: {priority}\nwhen: {{host.down: {when}}}\n"


def atoms(decision: Decision) -> list[str]:
    return [node.name for node, _ in factory.recover(decision.document).iter_nodes()]


def test_the_flow_evacuates_the_most_urgent_policy_first_whatever_the_files_are_called(tmp_path: Path) -> None:
    found = answer(tmp_path, policy("slow", match="{project: [a]}", priority="low"), policy("pet", priority="critical"))
    assert atoms(found) == [
        "fence", "survey", "disable", "plan",
        "evacuate:pet", "verify:pet", "evacuate:slow", "verify:slow", "report",
    ]  # fmt: skip
    assert found.priority.value == "critical"


def test_a_policy_for_another_zone_or_host_is_not_part_of_the_flow(tmp_path: Path) -> None:
    found = answer(
        tmp_path, policy("far", match="{az: az2}"), policy("other", match="{host: compute-9}"), policy("here")
    )
    assert "evacuate:here" in atoms(found)
    assert not {"evacuate:far", "evacuate:other"} & set(atoms(found))


def test_a_host_that_no_policy_answers_for_is_left_with_a_reason(tmp_path: Path) -> None:
    found = answer(tmp_path, policy("far", match="{az: az2}"))
    assert not found.recover
    assert found.reason == "no policy answers host.down for hosts like compute-1 in zone az1"


def test_where_every_policy_leaves_its_servers_nothing_is_fenced(tmp_path: Path) -> None:
    found = answer(tmp_path, policy("calm", when="leave"))
    assert not found.recover
    assert "leaves its servers alone" in found.reason


def test_a_policy_that_leaves_travels_with_the_job_so_that_its_servers_are_not_taken_by_the_next(
    tmp_path: Path,
) -> None:
    found = answer(tmp_path, policy("calm", match="{project: [a]}", when="leave"), policy("rest"))
    stored = [each["policy"] for each in found.document["policies"]]
    assert stored == ["calm", "rest"]
    assert "evacuate:calm" not in atoms(found)


def test_the_same_document_always_gives_the_same_atoms(tmp_path: Path) -> None:
    found = answer(tmp_path, policy("one", match="{project: [a]}"), policy("two"))
    assert atoms(found) == atoms(found)
