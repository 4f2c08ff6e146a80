"""The spool: whatever kills its writers and readers, an event is there whole or not at all, and is never lost."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medevac.core.errors import SpoolError
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.spool import ORPHAN_AGE, Spool
from medevac.core.wire import encode


def event(at: float = 1_800_000_000.0, **facts: str) -> Event:
    subject = Subject(SubjectKind.HOST, "compute-3")
    return Event(new_event_id(at), EventKind.HOST_FENCED, subject, "pacemaker", "node1", at, facts)


def test_an_event_comes_back_as_it_was_put(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    stored = event(detail="naïve \\ \n \udcff")
    spool.put(stored)
    assert spool.read(stored.id) == stored
    spool.remove(stored.id)
    spool.remove(stored.id)
    assert spool.read(stored.id) is None
    assert spool.waiting() == []


def test_only_the_owner_can_look_inside(tmp_path: Path) -> None:
    before = os.umask(0o026)  # as Pacemaker sets it
    try:
        path = Path(Spool(tmp_path / "deep" / "spool").put(event()))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_folder_that_others_can_write_to_takes_no_events(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(SpoolError, match="only its owner"):
        Spool(folder).put(event())
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(SpoolError, match="real folder"):
        Spool(tmp_path / "link").put(event())
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="cannot"):
        Spool(tmp_path / "file").put(event())


def test_an_empty_or_missing_folder_has_nothing_waiting(tmp_path: Path) -> None:
    assert Spool(tmp_path / "nowhere").waiting() == []
    assert list(Spool(tmp_path).events()) == []


@given(st.lists(st.floats(min_value=0, max_value=4e9), min_size=1, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_the_oldest_comes_first(tmp_path: Path, times: list[float]) -> None:
    spool = Spool(tmp_path / new_event_id(time.time()))
    for at in times:
        spool.put(event(at))
    assert [int(each.seen_at) for each in spool.events()] == sorted(int(at) for at in times)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"x" * 600_000, encode(event())])
def test_a_file_that_is_no_event_is_set_aside_with_its_reason_and_blocks_nothing(
    tmp_path: Path, content: bytes
) -> None:
    spool = Spool(tmp_path)
    good = event()
    spool.put(good)
    (tmp_path / "0000-bad.json").write_bytes(content)
    assert list(spool.events()) == [good]
    assert (tmp_path / "bad" / "0000-bad.json").read_bytes() == content
    assert (tmp_path / "bad" / "0000-bad.json.reason").read_text().strip()
    assert spool.waiting() == [good.id]


def test_a_second_bad_file_of_the_same_name_does_not_replace_the_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for content in (b"one", b"two"):
        (tmp_path / "0000-bad.json").write_bytes(content)
        assert list(spool.events()) == []
    kept = [path.read_bytes() for path in (tmp_path / "bad").iterdir() if ".reason" not in path.name]
    assert sorted(kept) == [b"one", b"two"]


def test_a_file_that_cannot_be_read_holds_up_no_other_and_is_reported(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "0000-folder.json").mkdir()
    good = event()
    spool.put(good)
    events = spool.events()
    assert next(events) == good
    with pytest.raises(SpoolError, match="0000-folder"):
        next(events)


@pytest.mark.parametrize("event_id", ["", "../up", ".hidden", "a/b", "a\0b"])
def test_an_id_cannot_lead_out_of_the_folder(tmp_path: Path, event_id: str) -> None:
    with pytest.raises(ValueError, match="not an event id"):
        Spool(tmp_path).path(event_id)


def test_what_a_killed_writer_left_is_taken_up_when_whole_and_set_aside_when_torn(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    whole, torn, young = event(), event(), event()
    for each, cut in ((whole, None), (torn, 20), (young, None)):
        path = Path(f"{spool.path(each.id)}.tmp")
        path.write_bytes(encode(each)[:cut])
        age = 0 if each is young else ORPHAN_AGE + 1
        os.utime(path, (time.time() - age, time.time() - age))
    assert list(spool.events()) == [whole]
    assert [path.name for path in (tmp_path / "bad").glob("*.tmp")] == [f"{torn.id}.json.tmp"]
    assert Path(f"{spool.path(young.id)}.tmp").exists()


FULL_DISK = """
import resource, sys
from medevac.core.errors import SpoolError
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.spool import Spool
event = Event(new_event_id(1.0), EventKind.HOST_FENCED, Subject(SubjectKind.HOST, "c"), "s", "r", 1.0, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    Spool(sys.argv[1]).put(event)
except SpoolError as error:
    print(error)
"""


def test_a_full_disk_is_told_and_leaves_no_torn_event(tmp_path: Path) -> None:
    printed = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "spool")], capture_output=True, text=True, check=True
    ).stdout
    assert "cannot take events: File too large" in printed
    assert list((tmp_path / "spool").iterdir()) == []


WRITER = """
import sys
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
from medevac.core.spool import Spool
spool = Spool(sys.argv[1])
for number in range(100000):
    event = Event(new_event_id(number), EventKind.HOST_FENCED, Subject(SubjectKind.HOST, "c"), "s", "r", 1.0,
                  {"x": "y" * 3000})
    spool.put(event)
    print(event.id, flush=True)
"""

# Kills itself before the given one of put()'s calls that open, make or rename something.
STOPPER = """
import os, signal, sys
from medevac.core import spool as module
from medevac.core.event import Event, EventKind, Subject, SubjectKind, new_event_id
stop = int(sys.argv[2])
steps = 0
def watch(name, args):
    global steps
    ours = str(args[0]).startswith(sys.argv[1]) or isinstance(args[0], int) if args else False
    if name in ("open", "os.rename", "os.mkdir") and ours:
        steps += 1
        if steps == stop:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
event = Event(new_event_id(1.0), EventKind.HOST_FENCED, Subject(SubjectKind.HOST, "c"), "s", "r", 1.0, {})
module.Spool(sys.argv[1]).put(event)
print("done")
"""


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.003, 0.01, 0.02])
def test_a_writer_killed_at_any_moment_leaves_whole_events_only(tmp_path: Path, pause: float) -> None:
    folder = tmp_path / "spool"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip()]
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        acknowledged += writer.stdout.read().split()
    spool = Spool(folder)
    # The last line can be cut where the pipe was; what was printed whole was stored.
    whole = {line for line in acknowledged if len(line) == len(acknowledged[0])}
    assert whole <= {each.id for each in spool.events()}
    assert not (folder / "bad").exists()


def test_a_writer_killed_before_each_of_its_steps_leaves_a_whole_event_or_none(tmp_path: Path) -> None:
    outcomes = []
    for step in range(1, 20):
        folder = tmp_path / str(step)
        ended = subprocess.run(
            [sys.executable, "-c", STOPPER, str(folder), str(step)], capture_output=True, check=False
        )
        found = list(Spool(folder).events())
        assert len(found) <= 1
        assert not (folder / "bad").exists()
        outcomes.append((ended.returncode, len(found)))
        if ended.returncode == 0:
            break
    assert outcomes[-1] == (0, 1)
    assert outcomes[0] == (-signal.SIGKILL, 0)
    assert (-signal.SIGKILL, 1) in outcomes, "killed between the rename and the folder's fsync, it is there"
