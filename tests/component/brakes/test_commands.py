"""The commands of the brakes on a real ZooKeeper, while no worker runs."""

from __future__ import annotations

import json
import shlex

import pytest
from kazoo.client import KazooClient

from medevac.cli.root import run
from medevac.core.event import EventKind
from medevac.core.incident import IncidentState
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.cloud.server import RunningCloud
from medevac.workers.brakes import marks
from medevac.workers.brakes.marks import Disarm, Mode
from tests.component.brakes.conftest import MakeYard

pytestmark = pytest.mark.usefixtures("known_to_commands")

HOST = "az1-c1"
INCIDENT = f"host.down:{HOST}:1"


def test_what_is_disarmed_is_shown_loudly_until_it_is_armed(capsys: pytest.CaptureFixture[str]) -> None:
    disarm = ["site", "disarm", "--scope", "az1", "--until", "2h", "--reason", "switches", "--by", "alice"]
    assert run(disarm) == 0
    assert "az1 is disarmed by alice (switches; mode freeze), until " in capsys.readouterr().out
    assert run(["site", "status"]) == 1
    shown = capsys.readouterr().out
    assert "PROBLEM: az1 is disarmed by alice (switches; mode freeze), until " in shown
    assert "what fails there is held. Arm it with: medevac site arm --scope az1" in shown
    run(["site", "status", "--prometheus"])
    assert 'medevac_disarmed{by="alice",mode="freeze",reason="switches",scope="az1"' in capsys.readouterr().out
    assert run(["site", "arm", "--scope", "az1"]) == 0
    assert capsys.readouterr().out == "az1 is armed. Nothing was held by it.\n"
    run(["site", "status"])
    assert "disarmed" not in capsys.readouterr().out


def test_arming_what_is_not_disarmed_names_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["site", "arm"]) == 1
    assert "nothing is disarmed" in capsys.readouterr().err
    run(["site", "disarm", "--scope", "az2", "--until", "never", "--reason", "x"])
    assert run(["site", "arm", "--scope", "az1"]) == 1
    assert "az1 is not disarmed; these are: az2" in capsys.readouterr().err


@pytest.mark.parametrize("until", ["tomorrow", "2 hours", "2001-01-01T00:00Z", "0s", "0h0m"])
def test_an_end_that_is_none_is_a_usage_error(until: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["site", "disarm", "--until", until, "--reason", "x"]) == 2
    assert "--until" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["site", "arm", "--scope", ""],
        ["site", "disarm", "--until", "2h", "--reason", " "],
        ["site", "disarm", "--until", "2h", "--reason", "x", "--scope", ""],
        ["site", "maintenance", "", "--until", "2h", "--reason", "x"],
        ["site", "maintenance", "", "--end"],
        ["site", "arm", "--scope", ".."],
        ["site", "disarm", "--until", "2h", "--reason", "x", "--scope", "."],
        ["site", "maintenance", "..", "--end"],
        ["site", "maintenance", HOST, "--end", "--until", "2h", "--reason", "x"],
        ["incident", "hold", INCIDENT, "--why", "two\nlines"],
    ],
)
def test_a_name_or_reason_with_nothing_in_it_is_a_usage_error(words: list[str], zk: KazooClient) -> None:
    assert run(words) == 2
    assert zk.exists("/brakes/disarm")
    assert zk.exists("/brakes/maintenance")


def test_help_shows_ends_as_they_have_to_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("disarm", "maintenance"):
        assert run(["site", word, "--help"]) == 0
        assert "--until 2h|TIME|never" in capsys.readouterr().out


def test_a_name_with_blanks_is_armed_by_the_command_that_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    run(["site", "disarm", "--scope", "gpu & more", "--until", "2h", "--reason", "x"])
    run(["site", "status"])
    shown = next(line for line in capsys.readouterr().out.splitlines() if "medevac site arm" in line)
    command = shlex.split(shown[shown.index("medevac site arm") :])
    assert run(command[1:]) == 0
    assert "gpu & more is armed." in capsys.readouterr().out


def test_who_overwrites_anothers_mark_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    for by in ("bob", "carl"):
        run(["site", "disarm", "--scope", "az1", "--until", "never", "--reason", f"{by}s work", "--by", by])
        run(["site", "maintenance", HOST, "--until", "never", "--reason", f"{by}s work", "--by", by])
    told = capsys.readouterr().out
    assert "That takes the place of: az1 is disarmed by bob (bobs work; mode freeze), without an end." in told
    assert "That takes the place of what bob announced (bobs work), without an end." in told


def test_arming_says_what_is_still_disarmed_and_what_had_ended(
    zk: KazooClient, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["site", "disarm", "--until", "2h", "--reason", "x"])
    marks.put(zk, Disarm("az1", Mode.FREEZE, "bob", "x", 1.0, 2.0))
    run(["site", "disarm", "--scope", "az2", "--until", "2h", "--reason", "x"])
    capsys.readouterr()
    assert run(["site", "arm", "--scope", "az1"]) == 0
    assert capsys.readouterr().out == (
        "az1 was armed already: its time was over. Nothing was held by it.\nStill disarmed: az2, cloud.\n"
    )


def test_disarming_says_which_recoveries_are_finished_first(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = make_yard()
    yard.lose(HOST)
    run(["site", "disarm", "--until", "2h", "--reason", "x"])
    assert "Under way" not in capsys.readouterr().out
    (job,) = yard.client.get_children("/board")
    yard.client.set(f"/board/{job}", yard.client.get(f"/board/{job}")[0])
    run(["site", "disarm", "--until", "2h", "--reason", "x"])
    assert f"Under way, and finished first where they are in cloud: {INCIDENT}" in capsys.readouterr().out


def test_a_maintenance_is_announced_shown_and_ended(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["site", "maintenance", HOST]) == 2
    assert "give --until and --reason, or --end" in capsys.readouterr().err
    assert run(["site", "maintenance", HOST, "--until", "4h", "--reason", "memory", "--by", "bob"]) == 0
    run(["site", "status"])
    shown = capsys.readouterr().out
    assert "IN MAINTENANCE" in shown
    assert HOST in shown
    assert run(["site", "maintenance", HOST, "--end"]) == 0
    assert run(["site", "maintenance", HOST, "--end"]) == 1


def test_incidents_are_held_released_and_aborted_by_their_names(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = make_yard()
    yard.lose(HOST, "az2-c1")
    assert run(["incident", "hold", INCIDENT, "--why", "look first", "--by", "alice"]) == 0
    run(["site", "status", "--json"])
    printed = capsys.readouterr().out
    held = json.loads(printed[printed.index("{") :])["brakes"]["held"]
    assert [(each["incident"], each["held_by"]) for each in held] == [(INCIDENT, "operator")]
    assert held[0]["released_by"] == f"medevac incident release {INCIDENT} --why ..."
    run(["incident", "show", INCIDENT])
    shown = capsys.readouterr().out
    assert shown.startswith(f"{INCIDENT}: on hold\n")
    assert "its job is on hold by alice: look first" in shown
    assert f"set going by medevac incident release {INCIDENT} --why ..." in shown
    assert run(["incident", "release", INCIDENT, "--why", "looked"]) == 0
    assert run(["incident", "abort", INCIDENT, "host.down:az2-c1:1", "nobody", "--why", "a drill"]) == 1
    told = capsys.readouterr()
    assert told.out.count("it has ended as parked") == 2
    assert "there is no incident 'nobody'" in told.err
    assert yard.incident(HOST).state is IncidentState.PARKED


def test_an_abort_that_a_conductor_has_to_carry_out_is_shown_until_it_is(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = make_yard()
    yard.lose(HOST)
    (job,) = yard.client.get_children("/board")
    yard.client.set(f"/board/{job}", yard.client.get(f"/board/{job}")[0])  # as if claimed by one that is dead now
    assert run(["incident", "abort", INCIDENT, "--why", "it runs", "--by", "alice"]) == 0
    assert run(["site", "status"]) == 1
    shown = capsys.readouterr().out
    assert f"PROBLEM: {INCIDENT} is being aborted: aborted by alice: it runs" in shown
    run(["incident", "show", INCIDENT])
    shown = capsys.readouterr().out
    assert shown.startswith(f"{INCIDENT}: being aborted\n")
    assert "set going by a conductor, which undoes what can be undone and ends it" in shown


def test_a_release_says_what_it_does_not_lift(make_yard: MakeYard, capsys: pytest.CaptureFixture[str]) -> None:
    run(["site", "disarm", "--until", "2h", "--reason", "x"])
    make_yard().lose(HOST)
    capsys.readouterr()
    assert run(["incident", "release", INCIDENT, "--why", "now"]) == 0
    assert "but what is disarmed does until it is armed: medevac site arm" in capsys.readouterr().out


def test_of_a_job_that_nobody_has_claimed_it_is_said_what_it_waits_for(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = make_yard()
    yard.lose(HOST)
    run(["incident", "show", INCIDENT])
    shown = capsys.readouterr().out
    assert shown.startswith(f"{INCIDENT}: waiting\n")
    assert "  its job waits for a worker (job0000000000)\n" in shown
    run(["site", "disarm", "--scope", "az1", "--until", "2h", "--reason", "switches"])
    capsys.readouterr()
    run(["incident", "show", INCIDENT])
    assert "; where it is disarmed, until it is armed: medevac site arm --scope az1\n" in capsys.readouterr().out
    run(["incident", "list"])
    assert f"{INCIDENT}  waiting " in capsys.readouterr().out
    run(["incident", "show", INCIDENT, "--json"])
    assert "until it is armed" in json.loads(capsys.readouterr().out)["unclaimed"]


def test_only_of_a_death_it_is_said_that_no_evidence_has_come(
    make_yard: MakeYard, capsys: pytest.CaptureFixture[str]
) -> None:
    yard = make_yard()
    yard.lose(HOST)
    yard.bench.settled(yard.bench.host_event(EventKind.HOST_DEGRADED, "az2-c1", facts={"what": "a fan"}))
    run(["incident", "show", INCIDENT])
    assert f"evidence that {HOST} is off: none yet" in capsys.readouterr().out
    run(["incident", "abort", INCIDENT, "--why", "it runs"])
    capsys.readouterr()
    run(["incident", "show", INCIDENT])
    assert f"evidence that {HOST} is off: none\n" in capsys.readouterr().out
    (other,) = [each.id for each in yard.bench.incidents() if each.subject.name == "az2-c1"]
    assert run(["incident", "show", other]) == 0
    assert "evidence" not in capsys.readouterr().out


def test_a_scope_that_covers_no_host_is_refused_where_the_cloud_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    disarm = ["site", "disarm", "--until", "2h", "--reason", "x", "--scope"]
    with RunningCloud(SiteSpec((HostSpec("compute-1", zone="az1"),)), Settings()) as cloud:
        for name, value in cloud.addresses.environment().items():
            monkeypatch.setenv(name, value)
        assert run([*disarm, "zone:az2"]) == 1
        told = capsys.readouterr().err
        assert "zone:az2 covers no host: it is no zone, aggregate, rack or host of this cloud" in told
        assert "Did you mean az1?" in told
        assert run(["site", "maintenance", "compute-7", "--until", "4h", "--reason", "x"]) == 1
        assert "Nova knows no compute host 'compute-7'. Did you mean compute-1?" in capsys.readouterr().err
        assert run(["site", "maintenance", "Compute-1.example.org", "--until", "4h", "--reason", "x"]) == 1
        assert "Did you mean compute-1?" in capsys.readouterr().err
        assert run([*disarm, "Cloud"]) == 1
        assert "Did you mean cloud?" in capsys.readouterr().err
        assert run([*disarm, "az1"]) == 0
        assert run([*disarm, "zone:az2", "--unchecked"]) == 0
        assert capsys.readouterr().err == ""


def test_a_scope_is_taken_as_it_is_where_no_cloud_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["site", "disarm", "--until", "2h", "--reason", "x", "--scope", "az1"]) == 0
    told = capsys.readouterr().err
    assert told.startswith("Whether there is any host in az1 was not checked: ")
    assert "No cloud is configured" in told
