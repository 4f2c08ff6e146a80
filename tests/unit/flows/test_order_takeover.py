"""A conductor that dies while servers are held or started, and another that goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from taskflow import engines

from medevac.core.errors import ClaimLostError
from medevac.flows import factory
from medevac.flows.brief import Brief
from medevac.flows.policy.language import Policy, Readiness, Ready
from medevac.sandbox.fakes import START
from tests.unit.flows.recovering import DEAD, SITE
from tests.unit.flows.tiers import Tiers, after, assert_clean, tier

BRIEF = Brief("host.down:dead:1", "host.down", DEAD, START, SITE)


class Interrupted(Tiers):
    """A recovery whose conductor dies inside the evacuate step, and another that goes on from what was stored."""

    STORED = ("fence", "survey", "disable", "plan")

    def run_until(self, seconds: float, *policies: Policy) -> dict[str, Any]:
        """Let the conductor lose its job when *seconds* have passed; return what TaskFlow has stored by then."""
        stored: dict[str, Any] = {}

        def die() -> None:
            stored.update({name: engine.storage.get(name) for name in self.STORED})
            self.site.log.owned = False

        self.after(seconds, die)
        with ThreadPoolExecutor(1) as executor:
            engine = self._engine(policies, executor)
            with pytest.raises(ClaimLostError):
                engine.run()
        self.site.log.owned = True
        return stored

    def go_on(self, stored: Mapping[str, Any], *policies: Policy) -> None:
        """Run the rest in a new engine."""
        with ThreadPoolExecutor(1) as executor:
            engine = self._engine(policies, executor)
            engine.compile()
            engine.prepare()
            for name, result in stored.items():
                engine.storage.save(name, result)
            engine.run()

    def _engine(self, policies: Sequence[Policy], executor: ThreadPoolExecutor) -> Any:
        document = json.loads(json.dumps(factory.document(BRIEF, policies)))
        engine = engines.load(factory.recover(document), engine="parallel", executor=executor)
        engine.storage.inject({"ports": self.site.ports}, transient=True)
        return engine


ONE_WAVE = (tier("app", after("db", Ready(Readiness.PORT, 1), timeout=300)), tier("db"))


@pytest.mark.parametrize("seconds", [1, 5, 30, 58])
def test_a_conductor_that_takes_over_starts_what_its_predecessor_held(seconds: float) -> None:
    recovery = Interrupted("app-1", "app-2", "db-1", **{"app-3": "stopped"})
    recovery.ports("db-1", 1, at=60)
    stored = recovery.run_until(seconds, *ONE_WAVE)
    assert recovery.site.log.state is None
    recovery.go_on(stored, *ONE_WAVE)
    assert set(recovery.results().values()) == {"recovered"}
    at = recovery.started()
    assert min(at["app-1"], at["app-2"]) >= 60
    assert "app-3" not in at
    assert set(recovery.records().values()) == {1}
    assert recovery.held() == {"app-1", "app-2"}
    assert_clean(recovery)


def test_a_conductor_that_takes_over_starts_nothing_that_runs_already() -> None:
    recovery = Interrupted("web-1", "app-1", "db-1")
    recovery.ports("app-1", 1, at=60)
    policies = (tier("web", after("app", Ready(Readiness.PORT, 1))), tier("app", after("db")), tier("db"))
    stored = recovery.run_until(30, *policies)
    assert recovery.calls() == 4
    recovery.go_on(stored, *policies)
    assert set(recovery.results().values()) == {"recovered"}
    assert recovery.calls() == 5
    assert_clean(recovery)
