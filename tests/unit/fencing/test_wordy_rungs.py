"""However much the rungs of a ladder say, the reason of the incident and the page say how it is released."""

from __future__ import annotations

from typing import NoReturn

import pytest

from medevac.core.errors import FencingError, NoEvidenceError
from medevac.flows.ladder import SHARED
from medevac.flows.rung import Case, Rung
from medevac.sandbox.fakes import START
from medevac.sandbox.fencer import FakeFencer
from medevac.workers.engine.outcome import REASON_LIMIT
from medevac.workers.fencing.agent import FenceAgent
from medevac.workers.fencing.device import FenceDevice
from tests.unit.fencing.climbing import HOST, INCIDENT, Climbing
from tests.unit.fencing.conftest import Script

WORDS = "Traceback (most recent call last): " + "noise " * 60 + "wrong password"
REMEDY = f"medevac incident ack {INCIDENT} --fenced --by YOUR-NAME --why HOW-YOU-KNOW"


class WordyFencer(FakeFencer):
    """Rungs that know nothing, and say so at length."""

    def look(self, case: Case, rung: Rung) -> NoReturn:
        raise FencingError(f"{rung.name} says at {case.now - START:.0f} s: {WORDS}")


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_remedy_stands_in_the_reason_and_in_the_page_however_much_the_rungs_say(count: int) -> None:
    rungs = [Rung(f"rung-{n}", timeout=5.0, page="page" if not n else "") for n in range(count)]
    case = Climbing(rungs)
    case.fencer = WordyFencer(case.site.bmc, rungs)
    with pytest.raises(NoEvidenceError) as caught:
        case.fence()
    said = [str(caught.value), case.site.notifier.sent[0].text]
    for text in said:
        assert len(f"fence: {text}") <= REASON_LIMIT
        assert text.endswith(REMEDY)
        assert all(f"{rung.name}: {rung.name} says" in text for rung in rungs)
        assert text.count("wrong password") == count
    assert case.told().count(WORDS) >= count  # the journal has all of it
    assert len(said[0]) <= SHARED + count * 20 + 400
    assert HOST in said[0]


def test_words_that_would_move_the_cursor_of_who_reads_them_do_not(script: Script) -> None:
    agent = script(r"printf '\033[2J\000\377 plug?\n' >&2; exit 1")
    with pytest.raises(FencingError, match=r"\?\[2J\?") as caught:
        FenceAgent(FenceDevice(agent, ("*",)), "h").is_off()
    assert str(caught.value).isprintable()


def test_a_look_that_hangs_is_not_told_as_an_order(script: Script) -> None:
    with pytest.raises(FencingError, match=r"and was killed$"):
        FenceAgent(FenceDevice(script("sleep 600"), ("*",), timeout=0.5), "h").is_off()
