"""What owners ask for in metadata, what is granted, and what the site keeps out of their reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medevac.core.wire import from_plain, to_plain
from medevac.flows.brief import Brief
from medevac.flows.plan import Plan, Settings
from medevac.flows.policy.language import Allow, Evacuate, Flow, Leave, Match, Policy, Priority
from medevac.flows.policy.wishes import Owners, Wish, after_of, wishes_of
from medevac.flows.ports import Server
from medevac.flows.sorting import Seen, make_plan
from medevac.flows.surroundings import Surroundings

SERVER = Server(
    id="1", name="web", project_id="p", host="h1", vm_state="active", task_state="", power_state=1,
    image_id="", flavor="m1", zone="az1", locked=False, launched=True,
)  # fmt: skip
MOVE = {"host.down": Flow((Evacuate(),))}
GOLD = Policy(name="gold", match=Match(server=("nobody",)), priority=Priority.HIGH, when=MOVE)
SILVER = Policy(name="silver", match=Match(), when=MOVE)
EVERY = Owners(may=tuple(Wish), policies=("gold",))


def plan(*servers: Server, owners: Owners = EVERY, exclude: Match | None = None, allow: Allow | None = None) -> Plan:
    settings = Settings(owners=owners, exclude=exclude)
    brief = Brief(incident="i", failure="host.down", host="h1", opened_at=0.0, settings=settings)
    policies = [GOLD, replace(SILVER, allow=allow)]
    return make_plan(brief, policies, Surroundings("az1"), Seen(0.0, servers, ()))


def wanting(name: str = "web", **wishes: str) -> Server:
    return replace(SERVER, id=name, name=name, metadata={f"medevac:{key}": value for key, value in wishes.items()})


def test_an_owner_may_pick_a_policy_that_the_site_offers() -> None:
    assert [server.policy for server in plan(wanting(policy="gold")).servers] == ["gold"]


@pytest.mark.parametrize(
    ("owners", "wish", "refusal"),
    [
        (Owners(), "gold", "owners may not choose medevac:policy on this site"),
        (Owners(may=(Wish.POLICY,)), "gold", "which the site does not offer to owners"),
        (Owners(may=(Wish.POLICY,), policies=("*",)), "bronze", "which does not answer host.down here"),
    ],
)
def test_a_policy_that_is_not_offered_is_refused_with_a_sentence(owners: Owners, wish: str, refusal: str) -> None:
    made = plan(wanting(policy=wish), owners=owners)
    assert [server.policy for server in made.servers] == ["silver"]
    assert refusal in made.remarks[0].text


def test_a_policy_for_other_zones_cannot_be_picked() -> None:
    elsewhere = replace(GOLD, match=Match(az=("az2",)))
    brief = Brief(
        incident="i", failure="host.down", host="h1", opened_at=0.0, settings=Settings(owners=EVERY)
    )  # fmt: skip
    made = make_plan(brief, [elsewhere, SILVER], Surroundings("az1"), Seen(0.0, (wanting(policy="gold"),), ()))
    assert made.servers[0].policy == "silver"
    assert "for other zones or hosts" in made.remarks[0].text


def test_an_owner_may_lower_the_priority_and_then_goes_last() -> None:
    made = plan(wanting("modest", priority="idle"), wanting("plain"))
    assert [server.name for server in made.servers] == ["plain", "modest"]
    assert made.remarks == ()


def test_an_owner_may_not_raise_the_priority() -> None:
    made = plan(wanting("plain"), wanting("pushy", priority="critical"))
    assert [server.name for server in made.servers] == ["plain", "pushy"]
    assert "owners may only lower it" in made.remarks[0].text


def test_an_owner_may_lower_the_ceiling_and_then_the_server_stays() -> None:
    made = plan(wanting(allow="restart"))
    assert made.left[0].reason == "its owner allows no more than restart for it"
    assert made.left[0].intended


def test_an_owner_may_not_raise_the_ceiling() -> None:
    made = plan(wanting(allow="rebuild"), allow=Allow.MIGRATE)
    assert made.left[0].reason == "policy silver allows no more than migrate for it"
    assert "owners may only lower it" in made.remarks[0].text


@pytest.mark.parametrize("wish", [{"priority": "urgent"}, {"allow": "everything"}])
def test_a_word_that_is_none_is_refused_and_the_server_is_treated_as_others(wish: dict[str, str]) -> None:
    made = plan(wanting(**wish))
    assert len(made.servers) == 1
    assert "is none of" in made.remarks[0].text


def test_whom_to_wait_for_is_named_by_server_or_by_metadata() -> None:
    whom = [after.match for after in after_of("db-1, role=db ,,")]
    assert whom == [Match(server=("db-1",)), Match(metadata={"role": ("db",)})]
    assert wishes_of({"medevac:after": "db-1"}, Owners()).after == ()


def test_excluded_servers_stay_whatever_policies_say() -> None:
    canary = replace(SERVER, tags=("canary",))
    made = plan(canary, exclude=Match(tag=("canary",)))
    assert made.left[0].reason == "the site file excludes it"
    assert made.left[0].intended
    assert not made.servers


def test_a_disk_that_a_policy_gives_up_is_told() -> None:
    made = plan(replace(SERVER, image_id="img"), allow=Allow.REBUILD)
    assert [remark.text for remark in made.remarks] == ["its disk is made anew from its image"]


def test_a_policy_that_leaves_its_servers_says_so() -> None:
    brief = Brief(incident="i", failure="host.down", host="h1", opened_at=0.0, settings=Settings())
    leaving = replace(SILVER, when={"host.down": Flow((Leave(),))})
    made = make_plan(brief, [leaving], Surroundings("az1"), Seen(0.0, (SERVER,), ()))
    assert made.left[0].reason == "policy silver leaves it"


def test_settings_travel_with_the_job() -> None:
    exclude = Match(metadata={"a": ("b",)}, unless=Match(tag=("c",)))
    settings = Settings(allow=Allow.REBUILD, exclude=exclude, owners=EVERY)
    assert from_plain(Settings, to_plain(settings)) == settings
    assert from_plain(Settings, {"patience": 1.0}) == Settings(patience=1.0)
