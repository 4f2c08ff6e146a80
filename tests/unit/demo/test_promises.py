"""What policies that somebody brings along come to for the cast of the demo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from medevac.core.incident import IncidentState
from medevac.flows.policy.reader import read_policies
from medevac.sandbox.demo import figures
from medevac.sandbox.demo.cast import Cast, draw
from medevac.sandbox.demo.checks import Check, check, recovered
from medevac.sandbox.demo.facts import Facts
from medevac.sandbox.demo.promises import NothingPromisedError, with_promises
from tests.unit.demo.facts_builder import incident, perfect, record, server

EXAMPLES = Path(__file__).parents[3] / "examples" / "policies"
MOVE = "when: {host.down: [fence, disable, evacuate, verify]}\n"
STAYS = "what no policy moves stayed where it was"


def promised(folder: Path, **files: str) -> Cast:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(f"policy: {name}\n{text}")
    return with_promises(draw(5, 40, 1), read_policies(folder))


def test_the_demos_own_policies_come_to_what_the_demo_takes_for_granted() -> None:
    drawn = draw(5, 40, 1)

    cast = with_promises(drawn, read_policies(EXAMPLES / "demo"))

    assert cast.tiers == drawn.tiers
    assert {name: role.tier for name, role in cast.roles.items()} == {n: role.tier for n, role in drawn.roles.items()}
    assert all(cast.comes_back(name) for name in cast.roles)


def test_policies_are_ordered_by_urgency_and_servers_keep_their_looks(tmp_path: Path) -> None:
    cast = promised(
        tmp_path, a_shop=f"match: {{project: shop}}\npriority: low\n{MOVE}", b_rest=f"match: everyone\n{MOVE}"
    )

    assert cast.tiers == ("b_rest", "a_shop")
    on_victim = [spec for spec in cast.spec.servers if spec.host == cast.victim]
    of_shop = {spec.name for spec in on_victim if spec.project == "shop"}
    assert {spec.name for spec in on_victim if cast.roles[spec.name].tier == "a_shop"} == of_shop
    assert {cast.roles[spec.name].kind for spec in on_victim} == {"pet", "payments", "everyone"}


def test_what_stays_is_known_with_its_reason_and_whether_somebody_must_see_to_it(tmp_path: Path) -> None:
    cast = promised(
        tmp_path,
        research="match: {project: research}\nwhen: {host.down: leave}\n",
        shop=f"match: {{project: shop}}\n{MOVE}",
    )

    left = {name: role.left for name, role in cast.roles.items() if role.left}
    assert set(left.values()) == {"policy research leaves it", "no policy covers it for host.down"}
    assert set(cast.needing_somebody) == {name for name, why in left.items() if why.startswith("no policy")}
    assert not any(cast.comes_back(name) for name in left)


def test_policies_that_move_nobody_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NothingPromisedError, match="bring no server of compute-2 back"):
        promised(tmp_path, nobody=f"match: {{project: nobody}}\n{MOVE}")


def with_one_left(*, moved: bool = False, needed: bool = False) -> Facts:
    """Return facts in which web-01 stays on the dead host, or was moved all the same."""
    facts = perfect()
    role = replace(facts.cast.roles["web-01"], tier="", kind="everyone", left="policy idle leaves it")
    cast = replace(facts.cast, roles={**facts.cast.roles, "web-01": role})
    cast = replace(cast, needing_somebody=("web-01",) if needed else ())
    after = [each for each in facts.after if each.name != "web-01"]
    after.append(server("web-01", "compute-1" if moved else "compute-2", runs_on=()))
    runs = [run for run in facts.runs if run.server_id != "id-web-01" or run.host == "compute-2"]
    records = [each for each in facts.records if each.server_id != "id-web-01"]
    records += [record(9, "web-01", 110.0, 112.0)] if moved else []
    return replace(facts, cast=cast, after=after, runs=runs, records=records)


def broken(facts: Facts) -> list[Check]:
    return [each for each in check(facts) if not each.held]


def test_a_server_that_is_left_as_promised_breaks_nothing() -> None:
    facts = with_one_left()

    assert broken(facts) == []
    assert STAYS in [each.rule for each in check(facts)]
    assert "web-01" not in [each.name for each in recovered(facts)]
    assert figures.downtimes(facts)[-1].note == "left"
    assert [row.policy for row in figures.by_policy(figures.downtimes(facts))] == ["pet", "payments", "everyone"]


def test_a_server_that_is_moved_although_it_was_to_stay_breaks_the_verdict() -> None:
    assert [each.rule for each in broken(with_one_left(moved=True))] == [STAYS]


def test_where_somebody_must_see_to_a_server_the_incident_must_be_parked() -> None:
    facts = with_one_left(needed=True)
    assert [each.rule for each in broken(facts)] == ["nothing is left undone"]

    parked = replace(facts, incidents=[incident(IncidentState.PARKED)], parked=["host.down:compute-2:1"])
    assert broken(parked) == []
