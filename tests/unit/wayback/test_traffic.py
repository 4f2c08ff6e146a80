"""All waves of one process share what they have under way and what they learn; some of it outlives the process."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest

from medevac.core.errors import MalformedDocumentError
from medevac.core.wire import decode, encode
from medevac.flows.bulletin import EACH, STALE
from medevac.flows.crowding import Level
from medevac.flows.demand import TURN
from medevac.flows.learnt import HALVES, Learnt
from medevac.flows.throttle import START, STUCK
from medevac.flows.traffic import SELDOM, Lane, Traffic
from medevac.sandbox.neighbours import FakeNeighbours, Street

MOST = 20
FLAT = Learnt(100.0, tuple(Level(n, n, 2.0, 4.0) for n in (1, 4, 16, 20)), 20)
FROM_8 = Learnt(100.0, tuple(Level(n, n, 2.0 * max(1, n / 8) ** 1.5, 9.0) for n in (1, 4, 8, 12, 20)), 8)
STEEP = Learnt(100.0, tuple(Level(n, n, 2.0 * n**1.4, 4.0) for n in (1, 2, 4, 8)), 1)


@dataclass
class Record:
    """A Memory that one can look into."""

    learnt: Learnt | None = None
    writes: int = 0

    def recall(self) -> Learnt | None:
        return self.learnt

    def keep(self, learnt: Learnt) -> None:
        self.learnt = decode(Learnt, encode(learnt))
        self.writes += 1


@dataclass
class Crowd:
    """A wave: who is under way, and what became of the others."""

    begun: dict[str, float] = field(default_factory=dict)
    taken_up: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    owners: set[str] = field(default_factory=set)
    left: list[str] = field(default_factory=lambda: ["somebody"] * MOST)

    def failed(self, server_id: str) -> bool:
        return server_id in self.lost

    def left_alone(self, server_id: str) -> bool:
        return server_id in self.owners

    def waiting(self) -> list[str]:
        return self.left

    def due(self, _now: float) -> list[str]:
        return self.left[: MOST - len(self.begun)]


def drive(traffic: Traffic, servers: int, now: float = 1000.0, power: float = 0.0, prefix: str = "s") -> list[int]:
    """Run a wave on a cloud in which each takes 2 s times (number under way)**power; return the windows seen."""
    lane, crowd, windows = traffic.enter(now, MOST, prefix), Crowd(), []
    waiting, due = [f"{prefix}{n}" for n in range(servers)], {}
    while waiting or crowd.begun:
        room = traffic.room(lane, now)
        windows.append(room)
        while waiting and len(crowd.begun) < room:
            name = waiting.pop(0)
            crowd.begun[name] = now
            due[name] = now + 2.0 * math.pow(len(crowd.begun), power)
        crowd.left = list(waiting)
        traffic.look(lane, now, crowd)
        now = min(due[name] for name in crowd.begun)
        crowd.begun = {name: at for name, at in crowd.begun.items() if due[name] > now}
        traffic.look(lane, now, crowd)
    traffic.leave(lane, now)
    return windows


def test_a_wave_begins_with_what_the_one_before_it_has_learnt() -> None:
    traffic = Traffic()
    assert drive(traffic, 30)[0] == START
    assert drive(traffic, 10)[0] == MOST
    traffic = Traffic()
    drive(traffic, 20, power=1.4)
    assert drive(traffic, 10, power=1.4)[0] == 1


@pytest.mark.parametrize(("learnt", "window"), [(FLAT, MOST), (STEEP, 1), (None, START)])
def test_a_worker_begins_with_what_others_have_kept(learnt: Learnt | None, window: int) -> None:
    traffic = Traffic(Record(learnt))
    assert traffic.room(traffic.enter(200.0, MOST, "a"), 200.0) == window


def test_what_is_remembered_fades_and_is_forgotten_in_the_end() -> None:
    kept = sum(level.ends for level in FLAT.levels)
    assert sum(level.ends for level in FLAT.believed(100.0)) == pytest.approx(kept)
    assert sum(level.ends for level in FLAT.believed(100.0 + HALVES)) == pytest.approx(kept / 2)
    assert FLAT.believed(100.0 + 4 * HALVES) == ()
    assert FLAT.believed(0.0) == FLAT.believed(100.0)  # clocks differ


def test_a_record_that_makes_no_sense_is_not_believed() -> None:
    broken = (
        Level(0.0, 1.0, 2.0, 4.0),
        Level(1.0, 1.0, 0.0, 4.0),
        Level(1.0, 1.0, 2.0, -1.0),
        Level(1.0, -1.0, 2.0, 1.0),
    )
    assert Learnt(100.0, broken).believed(100.0) == ()
    assert Learnt(100.0).believed(100.0) == ()


def test_a_record_of_a_later_release_is_read_and_one_that_lacks_its_time_is_not() -> None:
    known = decode(Learnt, b'{"at": 5.0, "levels": [{"beside":1,"average":1,"seconds":2,"arrived":3,"new":4}], "x": 1}')
    assert known == Learnt(5.0, (Level(1, 1, 2, 3),))
    with pytest.raises(MalformedDocumentError):
        decode(Learnt, b'{"levels": []}')


def test_it_is_kept_while_a_wave_goes_on_but_seldom_and_when_it_ends() -> None:
    record = Record()
    drive(Traffic(record), 100)
    assert record.learnt is not None
    assert record.learnt.best == MOST
    assert 1 <= record.writes <= 4  # 100 servers, some 16 s


def test_a_worker_that_takes_over_in_the_midst_of_a_wave_knows_what_was_found_out_until_then() -> None:
    record = Record()
    traffic = Traffic(record)
    lane, crowd = traffic.enter(1000.0, MOST, "a"), Crowd()
    for number in range(8):
        now = 1000.0 + 2 * number
        traffic.room(lane, now)
        crowd.begun = {f"s{number}": now}
        traffic.look(lane, now, crowd)
        crowd.begun = {}
        traffic.look(lane, now + 1.0, crowd)
    assert record.learnt is not None  # and the wave has not ended
    assert record.learnt.at - 1000.0 <= SELDOM + 4.0


def test_nothing_is_written_where_nothing_was_learnt() -> None:
    record = Record()
    traffic = Traffic(record)
    lane, crowd = traffic.enter(0.0, MOST, "a"), Crowd()
    traffic.room(lane, 0.0)
    crowd.begun = {"a": 0.0}
    traffic.look(lane, 0.0, crowd)
    crowd.begun, crowd.owners = {}, {"a"}
    traffic.look(lane, 1.0, crowd)
    traffic.leave(lane, 1.0)
    assert record.writes == 0


def test_calls_that_went_out_one_after_the_other_count_from_their_own_times() -> None:
    record = Record()
    traffic = Traffic(record)
    lane, crowd = traffic.enter(0.0, MOST, "a"), Crowd()
    traffic.room(lane, 0.0)
    crowd.begun = {f"s{n}": 10.0 + 2 * n for n in range(3)}
    traffic.look(lane, 16.0, crowd)  # the first look after calls of 2 s each
    crowd.begun = {}
    traffic.look(lane, 20.0, crowd)
    traffic.leave(lane, 20.0)
    assert record.learnt is not None
    found = {round(level.beside): (round(level.seconds, 3), level.average) for level in record.learnt.levels}
    assert found == {1: (10.0, pytest.approx(2.4)), 2: (8.0, pytest.approx(2.75)), 3: (6.0, pytest.approx(3.0))}


def begun(traffic: Traffic, wave: str, names: list[str]) -> tuple[Lane, Crowd]:
    lane, crowd = traffic.enter(200.0, MOST, wave), Crowd()
    traffic.room(lane, 200.0)
    crowd.begun = dict.fromkeys(names, 200.0)
    traffic.look(lane, 200.0, crowd)
    return lane, crowd


def test_two_recoveries_at_once_divide_what_the_cloud_takes() -> None:
    traffic = Traffic(Record(FROM_8))
    one, _ = begun(traffic, "a", [f"a{n}" for n in range(8)])
    other, crowd = begun(traffic, "b", [])
    assert (traffic.room(one, 200.0), traffic.room(other, 200.0)) == (4, 4)
    crowd.begun = dict.fromkeys(("b1", "b2"), 200.0)
    crowd.left = []
    traffic.look(other, 200.0, crowd)
    assert traffic.room(one, 200.0) == 8 - 2  # what nobody else wants


def test_each_of_them_may_have_as_many_as_its_policy_allows_where_the_cloud_takes_any_number() -> None:
    traffic = Traffic(Record(replace(FLAT, levels=(*FLAT.levels, Level(60, 60, 2.0, 4.0)))))
    lanes = [begun(traffic, wave, [])[0] for wave in ("a", "b", "c")]
    assert [traffic.room(lane, 200.0) for lane in lanes] == [MOST] * 3


def test_they_begin_with_no_more_together_than_twice_what_was_ever_met() -> None:
    traffic = Traffic(Record(FLAT))
    lanes = [begun(traffic, wave, [])[0] for wave in ("a", "b", "c")]
    assert sum(traffic.room(lane, 200.0) for lane in lanes) == 2 * 20


def test_a_wave_that_wants_nobody_now_leaves_its_share_to_others() -> None:
    traffic = Traffic(Record(FROM_8))
    one, crowd = begun(traffic, "a", ["a"])
    other, _ = begun(traffic, "b", [])
    crowd.left = []
    traffic.look(one, 200.0, crowd)
    assert traffic.room(other, 200.0) == 8 - 1
    traffic.leave(one, 200.0)
    assert traffic.room(other, 200.0) == 8


def test_one_that_nova_forgot_takes_a_place_of_nobody() -> None:
    traffic = Traffic(Record(STEEP))
    lane, _ = begun(traffic, "a", ["forgotten"])
    assert traffic.room(lane, 201.0) == 1
    assert traffic.room(lane, 201.0 + 100 * STUCK) == 2


def test_where_there_are_fewer_places_than_waves_each_has_its_turn() -> None:
    traffic = Traffic(Record(STEEP))
    lanes = [begun(traffic, wave, [])[0] for wave in ("a", "b", "c")]
    turns = [tuple(traffic.room(lane, 200.0 + TURN * number) for lane in lanes) for number in range(3)]
    assert sorted(turns) == [(0, 0, 1), (0, 1, 0), (1, 0, 0)]


def test_a_wave_whose_turn_it_is_waits_until_the_place_is_free_but_not_for_ever() -> None:
    first, second = street("w1", "w2", learnt=STEEP)
    one, crowd = begun(first, "a", [])
    other, waits = begun(second, "b", [])
    turn = next(200.0 + TURN * number for number in range(2) if second.room(other, 200.0 + TURN * number))
    assert first.room(one, turn) == 0
    crowd.begun = {"a1": turn}
    first.look(one, turn, crowd)
    assert second.room(other, turn) == 0
    crowd.begun = {}
    first.look(one, turn, crowd)
    assert second.room(other, turn) == 1
    crowd.begun = {"a2": turn}
    first.look(one, turn, crowd)
    second.look(other, turn, waits)
    assert second.room(other, turn + 2 * TURN) == 0
    crowd.begun = {"a3": turn + 6 * TURN}
    first.look(one, turn + 6 * TURN, crowd)
    assert second.room(other, turn + 6 * TURN) == 0
    assert second.room(other, turn + 8 * TURN) == 1  # others must know less than we do


def test_a_worker_that_lives_and_does_nothing_takes_no_share_for_long() -> None:
    first, second = street("w1", "w2", learnt=FROM_8)
    begun(first, "a", ["a1"])
    other, crowd = begun(second, "b", [])
    assert second.room(other, 200.0) == 4
    second.look(other, 200.0 + STALE + EACH, crowd)
    assert second.room(other, 200.0 + STALE + EACH) == 8


def test_a_worker_that_waits_for_slow_servers_goes_on_telling_of_them() -> None:
    first, second = street("w1", "w2", learnt=FROM_8)
    one, crowd = begun(first, "a", ["a1"])
    other, _ = begun(second, "b", [])
    first.look(one, 200.0 + STALE, crowd)
    assert second.room(other, 200.0 + STALE + EACH) == 4


def street(*names: str, learnt: Learnt | None = None) -> list[Traffic]:
    shared = Street()
    return [Traffic(Record(learnt), FakeNeighbours(shared, name)) for name in names]


def test_workers_beside_each_other_divide_what_the_cloud_takes() -> None:
    first, second = street("w1", "w2", learnt=FROM_8)
    one, _ = begun(first, "a", [f"a{n}" for n in range(4)])
    other, crowd = begun(second, "b", [])
    assert (first.room(one, 200.0), second.room(other, 200.0)) == (4, 4)
    crowd.left = []
    second.look(other, 200.0, crowd)
    assert first.room(one, 200.0) == 8
    second.leave(other, 200.0)
    assert first.room(one, 200.0) == 8


def test_workers_that_know_of_each_other_never_have_more_places_than_there_are() -> None:
    traffics = street("w1", "w2", "w3", learnt=STEEP)
    lanes = [begun(traffic, wave, [])[0] for traffic, wave in zip(traffics, "abc", strict=True)]
    for number in range(3):
        now = 200.0 + TURN * number
        assert sum(traffic.room(lane, now) for traffic, lane in zip(traffics, lanes, strict=True)) == 1


def test_what_one_worker_finds_out_another_one_knows_at_its_next_look_and_when_that_one_has_ended() -> None:
    first, second = street("w1", "w2")
    lane, _ = begun(second, "b", [])
    assert second.room(lane, 200.0) <= START
    one, crowd = begun(first, "a", [f"a{n}" for n in range(START)])
    for number in range(MOST):
        now = 202.0 + 2 * number
        crowd.begun = {f"{number}-{n}": now for n in range(START)}
        first.look(one, now, crowd)
    assert second.room(lane, now) >= 2 * START
    first.leave(one, now)
    assert second.room(lane, now) >= 2 * START


def test_what_another_worker_found_out_before_is_not_counted_beside_what_was_kept_of_it() -> None:
    first, second = street("w1", "w2")
    drive(first, 30, now=100.0)
    lane, _ = begun(second, "b", [])
    assert second.room(lane, 200.0) == START


def test_a_wave_of_ours_that_a_frozen_worker_still_tells_of_counts_once() -> None:
    first, second = street("w1", "w2", learnt=FROM_8)
    begun(first, "a", ["a1"])
    lane, _ = begun(second, "a", [])
    assert second.room(lane, 200.0) == 8
