"""What earlier releases left half done is finished by today's code."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.errors import MedevacError
from medevac.core.wire import from_plain
from medevac.sandbox.cloud.model import evacuation, machines
from medevac.sandbox.cloud.model.evacuation import EvacuationRequest
from medevac.sandbox.cloud.model.world import World
from medevac.sandbox.zookeeper import ZookeeperServer
from medevac.workers import incidents
from medevac.workers.zookeeper import bounded
from tests.crash import verdict
from tests.crash.stage import DEAD, Stage, staged
from tests.crash.zygote import Zygote
from tests.upgrade.record import HERE, SITUATIONS, Recording

RECORDINGS = sorted(HERE.glob("*/*.json"))


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as parent:
        yield parent


def read(path: Path) -> Recording:
    return from_plain(Recording, json.loads(path.read_text(encoding="utf-8")), str(path))


def restore(stage: Stage, recording: Recording) -> None:
    """Make ZooKeeper and the cloud as they were when the process died."""
    with stage.cloud.world.settled() as world:
        if recording.power_off:
            machines.power_off(world, DEAD)
        host = world.hosts[DEAD]
        host.forced_down, host.disabled = recording.forced_down, bool(recording.disabled_reason)
        host.disabled_reason = recording.disabled_reason or None
        _evacuate(world, recording)
    _store(stage.client, recording)


def _evacuate(world: World, recording: Recording) -> None:
    for server_id in recording.evacuated:
        evacuation.evacuate(world, server_id, EvacuationRequest())
    world.settle()


def _store(client: KazooClient, recording: Recording) -> None:
    for path, text in recording.znodes.items():
        if path.startswith(f"{layout.EVENTS}/"):
            text = _seen_just_now(text)  # noqa: PLW2901 - the release did not wait as long as its recording
        if bounded(client.exists_async(path)) is None:
            bounded(client.create_async(path, text.encode()))


def _seen_just_now(event: str) -> str:
    """Return a stored event with another time: triage ignores what was seen long ago."""
    return json.dumps({**json.loads(event), "seen_at": time.time()})


def test_every_release_since_the_first_has_its_recordings() -> None:
    found = {(path.parent.name, path.stem) for path in RECORDINGS}
    releases = {release for release, _ in found}
    assert "0.1.0" in releases
    assert {stem for release, stem in found if release == "0.1.0"} == set(SITUATIONS)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_todays_code_finishes_what_a_release_has_left(path: Path, zookeeper: ZookeeperServer, zygote: Zygote) -> None:
    recording = read(path)
    with staged(zookeeper.hosts) as stage:
        restore(stage, recording)
        assert zygote.run(stage.told("today")) == 0, stage.last_words("today")
        checks = (
            verdict.every_server_is_back_as_it_was,
            verdict.the_host_is_out_with_our_reason,
            verdict.the_incident_is_recovered_and_names_every_server,
        )
        assert verdict.wrong(stage, checks) == []
        assert set(stage.records().values()) == {1}
        assert sum(stage.records().values()) == len(verdict.MOVED)
        assert stage.power_commands()["off"] == (0 if recording.power_off else 1)


def test_a_job_of_a_format_that_is_not_known_is_not_run_and_says_so(zookeeper: ZookeeperServer, zygote: Zygote) -> None:
    recording = read(HERE / "0.1.0" / "posted.json")
    znodes = {path: text.replace('"format": 1', '"format": 99') for path, text in recording.znodes.items()}
    assert znodes != recording.znodes
    with staged(zookeeper.hosts) as stage:
        _store(stage.client, replace(recording, znodes=znodes))
        assert zygote.run(stage.told("today")) == 0, stage.last_words("today")
        assert list(verdict.nothing_was_evacuated(stage)) == []
        assert list(verdict.nova_was_told_nothing(stage)) == []
        reason = incidents.read(stage.client, verdict.INCIDENT).incident.reason
        assert "format 99" in reason


def test_a_recording_that_is_damaged_is_told_by_its_name() -> None:
    with pytest.raises(MedevacError, match="not a Recording"):
        from_plain(Recording, {"release": "0"}, "x")
