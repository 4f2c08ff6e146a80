"""What a guest's agent is asked, and what its answers mean, the hostile ones too."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medevac.triggers.probe_agent import Heartbeat, NoAgentError, NoAnswerError, execute, ping
from medevac.triggers.probe_rules import Outcome


class Agent:
    """Answers as a guest of ours would: a file, commands that end, and moods."""

    def __init__(self) -> None:
        self.content = b"1"
        self.exitcode: int | None = 0
        self.trouble: Exception | None = None
        self.open_files = 0

    def __call__(self, command: str, seconds: float) -> str:
        assert seconds >= 1
        if self.trouble:
            raise self.trouble
        asked = json.loads(command)
        answers: dict[str, Callable[[], object]] = {
            "guest-ping": dict,
            "guest-file-open": self.open,
            "guest-file-read": lambda: {"buf-b64": base64.b64encode(self.content).decode(), "count": 1, "eof": True},
            "guest-file-close": self.close,
            "guest-exec": lambda: {"pid": 7},
            "guest-exec-status": lambda: (
                {"exited": False} if self.exitcode is None else {"exited": True, "exitcode": self.exitcode}
            ),
        }
        return json.dumps({"return": answers[asked["execute"]]()})

    def open(self) -> int:
        self.open_files += 1
        return 1000

    def close(self) -> dict[str, str]:
        self.open_files -= 1
        return {}


def test_an_agent_that_answers_is_well_a_silent_one_failed_and_none_is_unknown() -> None:
    agent = Agent()
    assert ping(agent, 5) is Outcome.WELL
    agent.trouble = NoAnswerError()
    assert ping(agent, 5) is Outcome.FAILED
    agent.trouble = NoAgentError()
    assert ping(agent, 5) is Outcome.UNKNOWN


def test_a_file_that_changes_is_a_heartbeat_and_one_that_stops_has_failed() -> None:
    agent, beat = Agent(), Heartbeat("/run/beat", age=1e9)
    assert beat.look(agent, 5) is Outcome.UNKNOWN  # it may be of yesterday
    assert beat.look(agent, 5) is Outcome.UNKNOWN
    agent.content = b"2"
    assert [beat.look(agent, 5) for _ in range(2)] == [Outcome.WELL, Outcome.WELL]
    stopped = Heartbeat("/run/beat", age=0.0)
    assert [stopped.look(agent, 5) for _ in range(2)] == [Outcome.UNKNOWN, Outcome.FAILED]
    assert agent.open_files == 0


def test_a_silent_agent_says_nothing_of_the_workload() -> None:
    agent = Agent()
    agent.trouble = NoAnswerError()
    assert Heartbeat("/run/beat", 60).look(agent, 5) is Outcome.UNKNOWN
    assert execute(agent, ["/bin/true"], 5) is Outcome.UNKNOWN


@pytest.mark.parametrize(("code", "outcome"), [(0, Outcome.WELL), (1, Outcome.FAILED), (None, Outcome.FAILED)])
def test_a_command_in_the_guest_is_well_when_it_ends_with_zero(code: int | None, outcome: Outcome) -> None:
    agent = Agent()
    agent.exitcode = code
    assert execute(agent, ["/usr/bin/check", "--quick"], 0.3) is outcome


@pytest.mark.parametrize("said", ["", "{", "[]", "{}", '{"error": {}}', "[" * 200_000, '{"return": null}'])
def test_hostile_answers_say_nothing_and_raise_nothing(said: str) -> None:
    def agent(_command: str, _seconds: float) -> str:
        return said

    assert Heartbeat("/run/beat", 60).look(agent, 5) is Outcome.UNKNOWN
    assert execute(agent, ["/bin/true"], 5) is Outcome.UNKNOWN
    assert ping(agent, 5) in {Outcome.UNKNOWN, Outcome.WELL}


@settings(deadline=None)
@given(
    st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3), max_size=6)
)
def test_no_answer_raises(answers: list[object]) -> None:
    left = list(answers)

    def agent(_command: str, _seconds: float) -> str:
        return json.dumps({"return": left.pop() if left else {"exited": True}})

    Heartbeat("/run/beat", 60).look(agent, 5)
    left = list(answers)
    execute(agent, ["/bin/true"], 0.1)
