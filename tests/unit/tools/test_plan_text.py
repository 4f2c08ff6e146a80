"""The text of a plan shows whatever the plan's values hold, also what they did not hold when it was written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medevac.cli.plan_text import View
from medevac.flows.plan import Plan, PlannedServer, Settings
from medevac.flows.policy.reader import read_policies
from medevac.flows.preview import Preview, Question, preview
from medevac.sandbox.cloud.model.site import HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite

EXAMPLES = Path(__file__).parents[3] / "examples" / "policies" / "demo"


@dataclass(frozen=True, slots=True)
class LaterServer(PlannedServer):
    """A planned server of a later release."""

    weight: int = 0


@dataclass(frozen=True, slots=True)
class LaterPlan(Plan):
    """A plan of a later release."""

    waits: tuple[tuple[str, ...], ...] = ()


def seen(*servers: ServerSpec) -> Preview:
    hosts = (HostSpec("h1", "az1"), HostSpec("h2", "az1"))
    site = FakeSite(SiteSpec(hosts, servers))
    question = Question("host.down", read_policies(EXAMPLES), Settings(), site.clock.now())
    found = preview(site.cloud, "h1", question)
    assert found is not None
    return found


def shown(plan: Plan, found: Preview) -> str:
    later = Preview(found.service, found.decision, plan, found.order, found.servers, found.verdicts)
    return View(later, "host.down", "fence_x").text()


def test_what_a_later_plan_adds_is_shown_with_the_names_of_servers() -> None:
    found = seen(ServerSpec("db", "h1", image=""), ServerSpec("app", "h1", image=""))
    first, second = found.plan.servers
    servers = (LaterServer(first.id, first.name, first.project_id, first.policy, "active", weight=7), second)
    plan = LaterPlan("h1", 0.0, 0, (), None, servers, (), waits=((first.id, second.id),))
    text = shown(plan, found)
    assert f"{first.name} (weight 7)" in text
    assert f"waits\n   - [{first.name}, {second.name}]" in text


def test_what_says_nothing_is_not_shown() -> None:
    found = seen(ServerSpec("db", "h1", image=""))
    text = shown(LaterPlan("h1", 0.0, 0, (), None, found.plan.servers, ()), found)
    assert "waits" not in text


def test_a_host_that_nova_does_not_know_has_no_preview() -> None:
    site = FakeSite(SiteSpec((HostSpec("h1", "az1"),)))
    question = Question("host.down", read_policies(EXAMPLES), Settings(), 0.0)
    assert preview(site.cloud, "h9", question) is None


def test_a_preview_is_the_plan_that_the_recovery_then_makes() -> None:
    found = seen(ServerSpec("pet", "h1", metadata={"ha": "pet"}, image=""), ServerSpec("imaged", "h1"))
    assert [(server.name, server.policy) for server in found.plan.servers] == [("pet", "pet")]
    assert [left.name for left in found.plan.left] == ["imaged"]
    assert [policy.name for policy in found.order] == ["pet"]
    assert found.decision.recover


def test_a_preview_changes_nothing() -> None:
    hosts = (HostSpec("h1", "az1"), HostSpec("h2", "az1"))
    site = FakeSite(SiteSpec(hosts, (ServerSpec("db", "h1"),)))
    preview(site.cloud, "h1", Question("host.down", read_policies(EXAMPLES), Settings(), 0.0))
    assert {label.split()[0] for label in site.world.requests} == {"GET"}
