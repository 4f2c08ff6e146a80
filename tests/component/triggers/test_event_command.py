"""medevac event post, list, replay: as typed, against a real ZooKeeper."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from medevac.cli.root import run
from medevac.core import layout
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.handled import Handled, Outcome
from medevac.core.spool import Spool
from medevac.core.wire import decode, encode

SERVER = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(autouse=True)
def _site(zk_hosts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDEVAC_ZOOKEEPER", zk_hosts)
    monkeypatch.setenv("MEDEVAC_SPOOL", str(tmp_path / "spool"))


def seen(kind: EventKind = EventKind.HOST_FENCED, host: str = "compute-3", ago: float = 60) -> Event:
    at = time.time() - ago
    return Event(new_event_id(at), kind, Subject(SubjectKind.HOST, host), "pacemaker", "node1", at)


def stored(zk: KazooClient) -> list[Event]:
    return [decode(Event, zk.get(layout.event(name))[0]) for name in sorted(zk.get_children(layout.EVENTS))]


def test_what_an_operator_posts_waits_for_triage(zk: KazooClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["event", "post", "host.down", "compute-3", "--fact", "why=smoke = fire", "--fact", "by=me"]) == 0
    (event,) = stored(zk)
    assert (event.kind, event.subject.name, event.source) == (EventKind.HOST_DOWN, "compute-3", "operator")
    assert event.facts == {"why": "smoke = fire", "by": "me"}
    assert event.id in capsys.readouterr().out


def test_a_fencing_on_an_operators_word_is_marked_as_such(zk: KazooClient) -> None:
    assert run(["event", "post", "host.fenced", "compute-3"]) == 0
    assert stored(zk)[0].facts["human"] == "yes"


@pytest.mark.parametrize("kind", sorted({kind.value for kind in EventKind} - {"unclassified"}))
def test_every_kind_can_be_posted_of_what_it_is_about(zk: KazooClient, kind: str) -> None:
    about = {"server": SERVER, "workload": SERVER, "control-plane": "nova-api"}.get(kind.partition(".")[0], "compute-3")
    assert (
        run(["event", "post", kind, about, "--fact", "role=tenant", "--fact", "what=fan", "--host", "compute-1"]) == 0
    )
    (event,) = stored(zk)
    assert (event.kind.value, event.subject.name, event.facts["host"]) == (kind, about, "compute-1")


def test_what_is_said_again_under_one_key_is_one_event(zk: KazooClient, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["event", "post", "host.degraded", "compute-3", "--fact", "what=fan", "--seen-at", "1795339584.5"]
    for key in ("fan-1", "fan-1", "fan-2"):
        assert run([*command, "--key", key]) == 0
    assert capsys.readouterr().out.count("It waits already") == 1
    first, second = stored(zk)
    assert (first.seen_at, second.seen_at) == (1795339584.5, 1795339584.5)
    assert new_event_id(1795339584.5)[:16] == first.id[:16]


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["host.dwn", "compute-3"], "Did you mean host.down?"),
        (["host.up", "compute-3"], "what is seen is host.member."),
        (["host.network.tenant.down", "compute-3"], "what is seen is host.network.down, with --fact role=tenant."),
        (["zzz", "compute-3"], "Choose from host.down"),
        (["unclassified", "compute-3"], "Choose from"),
        (["host.down", "../compute"], "cannot be a host"),
        (["host.down", "compute-3", "--fact", "why"], "write --fact name=value"),
        (["server.hung", "compute-3"], "no server's uuid"),
        (["host.degraded", "compute-3"], "wants the fact 'what'"),
        (["host.network.down", "compute-3", "--fact", "role=all"], "one of management, storage, tenant"),
        (["host.down", "compute-3", "--seen-at", "9e12"], "in the future"),
    ],
)
def test_what_is_not_understood_is_told_with_a_hint(
    zk: KazooClient, capsys: pytest.CaptureFixture[str], arguments: list[str], hint: str
) -> None:
    assert run(["event", "post", *arguments]) == 2
    assert hint in capsys.readouterr().err
    assert stored(zk) == []


def test_list_shows_what_waits_and_what_became_of_the_latest(
    zk: KazooClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["event", "list"]) == 0
    assert capsys.readouterr().out == "Nothing has been seen.\n"
    waiting, old, late = seen(), seen(ago=300), seen(EventKind.HOST_LOST, "compute-4", ago=200)
    zk.create(layout.event(waiting.id), encode(waiting))
    zk.create(layout.event("0000-spoilt"), b"{")
    for event in (old, late):
        handled = Handled(event, Outcome.IGNORED, f"{event.kind} proves nothing", time.time())
        zk.create(layout.handled(event.id), encode(handled))
    assert run(["event", "list", "--limit", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["EVENT", late.id, "0000-spoilt", waiting.id]
    assert "host.lost proves nothing" in lines[1]
    assert "unreadable" in lines[2]
    assert "waiting" in lines[3]
    assert run(["event", "list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["event"]["id"] for each in document["handled"]] == [old.id, late.id]
    assert [each["id"] for each in document["waiting"]] == ["0000-spoilt", waiting.id]


def test_replay_empties_the_spool_oldest_first(
    zk: KazooClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["event", "replay"]) == 0
    assert "Nothing waits in" in capsys.readouterr().out
    spool = Spool(tmp_path / "spool")
    events = [seen(ago=ago) for ago in (10, 300, 0)]
    for event in events:
        spool.put(event)
    assert run(["event", "replay"]) == 0
    assert capsys.readouterr().out == "Posted 3 events.\n"
    assert stored(zk) == sorted(events, key=lambda event: event.id)
    assert spool.waiting() == []


def test_without_zookeeper_the_commands_say_so_exit_3_and_keep_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(seen())
    assert run(["event", "post", "host.down", "compute-3", "--zookeeper", "zk1:port/medevac"]) == 3
    assert run(["event", "replay", "--zookeeper", "zk1:port/medevac"]) == 3
    assert run(["event", "list", "--zookeeper", "zk1:port/medevac"]) == 3
    assert capsys.readouterr().err.count("'zk1:port/medevac' is no ZooKeeper address") == 3
    assert len(spool.waiting()) == 1


def test_a_site_where_no_worker_ever_ran_takes_no_events(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["event", "post", "host.down", "compute-3"]) == 3
    assert "start a worker there once" in capsys.readouterr().err
