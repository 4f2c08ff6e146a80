"""The guard is asked before everything that leaves the process, and what it raises keeps it inside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from medevac.core.errors import ClaimLostError
from medevac.flows.rung import Case
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud
from medevac.workers.fencing.agent import AgentMeans
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.guard import ask_guard, guarded
from medevac.workers.openstack.nova import NovaCloud
from medevac.workers.openstack.session import open_session


def refuse() -> None:
    raise ClaimLostError


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningCloud]:
    with RunningCloud(SiteSpec((HostSpec("h1"),))) as running:
        for name, value in running.addresses.environment().items():
            monkeypatch.setenv(name, value)
        yield running


def test_no_request_leaves_against_the_guard_and_every_one_asks_it(cloud: RunningCloud) -> None:
    nova = NovaCloud(open_session())
    asked: list[float] = []
    with guarded(lambda: asked.append(time.monotonic())):
        assert nova.host_service("h1") is not None
    assert len(asked) == sum(cloud.site.requests().values()) > 1
    cloud.site.reset_requests()
    with guarded(refuse), pytest.raises(ClaimLostError):
        nova.evacuate("f0000000-0000-4000-8000-000000000000")
    assert cloud.site.requests() == {}
    nova.close()


def test_no_fence_agent_is_started_against_the_guard(tmp_path: Path) -> None:
    trace, agent = tmp_path / "trace", tmp_path / "agent"
    agent.write_text(f"#!/bin/sh\necho off; echo called >> {trace}; exit 2\n")
    agent.chmod(0o755)
    means = AgentMeans(FenceDevice(str(agent), ("*",)))
    case = Case("h1", "host.down:h1:1", failed_at=0.0, now=0.0)
    with guarded(refuse):
        for call in (means.look, means.order):
            with pytest.raises(ClaimLostError):
                call(case)
    assert not trace.exists()
    assert means.look(case).evidence is not None
    assert trace.exists()


def test_a_guard_within_another_is_asked_first_and_the_other_after_it() -> None:
    asked: list[str] = []
    with guarded(lambda: asked.append("outer")), guarded(lambda: asked.append("inner")):
        ask_guard()
    ask_guard()
    assert asked == ["inner", "outer"]


def test_a_guard_ends_with_its_context() -> None:
    with guarded(refuse), guarded(lambda: None):
        pass
    with guarded(lambda: None), pytest.raises(ClaimLostError), guarded(refuse):
        refuse()
