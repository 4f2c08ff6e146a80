"""Programs of a site's own as rungs: asked in JSON on standard input, they answer in JSON on standard output.

What they are told: {"action": "fence" | "status" | "prove" | "kdump", "host": ..., "incident": ..., "failed_at": ...,
"options": {...}}, with the secrets among the options.  What they answer: {"state": ..., "detail": "..."}, and exit
code 0; anything else is not known.  States: off (no power), fenced (it has power, and cannot reach its servers' disks
any more), on; for kdump: dumping, finished, none; for prove: ok.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from medevac.core.errors import FencingError
from medevac.core.evidence import FENCED, KDUMP, FenceEvidence
from medevac.flows.rung import Answer, Case
from medevac.workers.fencing.device import read_secret
from medevac.workers.fencing.patterns import ForHosts
from medevac.workers.fencing.process import presentable, run

_ENDS = {"off": "already-off", "fenced": FENCED}
"""States that end a host's servers, and the action of the evidence."""


@dataclass(frozen=True, slots=True)
class Program:
    """One program, and what it is told beside the question."""

    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    secret_options: Mapping[str, str] = field(default_factory=dict)
    """Options whose values are secret: env:NAME or file:/path in place of the value, read at each run."""
    timeout: float = 30.0
    """Seconds after which one run is killed."""

    @property
    def name(self) -> str:
        """Return its name without its folder, as evidence names it."""
        return Path(self.path).name

    def ask(self, action: str, case: Case, states: Sequence[str]) -> tuple[str, str]:
        """Return the state, one of *states*, and the details.  Raises FencingError for every other answer."""
        secrets = {name: read_secret(name, reference) for name, reference in self.secret_options.items()}
        filled = {name: value.replace("{host}", case.host) for name, value in self.options.items()}
        told = {
            "action": action,
            "host": case.host,
            "incident": case.incident,
            "failed_at": case.failed_at,
            "options": {**filled, **secrets},
        }
        try:
            ran = run([self.path], json.dumps(told) + "\n", self.timeout)
        except OSError as error:
            message = f"{self.path} cannot be run: {error.strerror}"
            raise FencingError(message) from error
        except subprocess.TimeoutExpired as error:
            message = f"{self.name} did not finish '{action}' in {self.timeout:g} s and was killed; it may have worked"
            raise FencingError(message) from error
        words = ran.words(secrets.values())
        if ran.code:
            message = f"{self.name} {ran.ending} on '{action}': {words or 'it said nothing'}"
            raise FencingError(message)
        state, detail = _read(ran.output)
        if state not in states:
            message = f"{self.name} does not say one of {', '.join(states)} on '{action}': {words or 'it said nothing'}"
            raise FencingError(message)
        return state, presentable(detail or words, secrets.values())


class CommandMeans(ForHosts):
    """A program that cuts a host off and can tell whether it is."""

    suffices = True

    def __init__(self, hosts: Sequence[str], program: Program) -> None:
        """Run *program* for *hosts*."""
        super().__init__(hosts)
        self._program = program

    def look(self, case: Case) -> Answer:
        """Ask for the state."""
        state, detail = self._program.ask("status", case, ("off", "fenced", "on"))
        if state == "on":
            return Answer()
        return Answer(FenceEvidence(case.host, case.now, f"command:{self._program.name}", _ENDS[state], detail))

    def order(self, case: Case) -> None:
        """Let it fence; what it answers is not believed before its state is read back."""
        self._program.ask("fence", case, ("off", "fenced", "on"))

    def prove(self, host: str) -> str:
        """Let it show that it could."""
        state, detail = self._program.ask("prove", _nothing_failed(host), ("ok",))
        return f"it says {state} ({detail})"


class KdumpMeans(ForHosts):
    """A program that knows whether a host writes its crash dump: it is left alone until that is done."""

    suffices = False

    def __init__(self, hosts: Sequence[str], program: Program) -> None:
        """Run *program* for *hosts*."""
        super().__init__(hosts)
        self._program = program

    def look(self, case: Case) -> Answer:
        """Ask whether it dumps; while it does, the ladder waits here, unless policies take that for proof."""
        state, detail = self._program.ask("kdump", case, ("dumping", "finished", "none"))
        if state == "dumping":
            dumping = FenceEvidence(case.host, case.now, f"kdump:{self._program.name}", KDUMP, detail)
            return Answer(words="it still writes its crash dump", dumping=dumping)
        words = "it has written its crash dump" if state == "finished" else "it writes no crash dump"
        return Answer(words=words, final=True)

    def order(self, case: Case) -> None:
        """Raise FencingError: this only waits."""
        message = f"a crash dump of {case.host} can be waited for, not ordered"
        raise FencingError(message)

    def prove(self, host: str) -> str:
        """Ask, as for a host that is dead."""
        state, _ = self._program.ask("kdump", _nothing_failed(host), ("dumping", "finished", "none"))
        return f"it says {state}"


def _nothing_failed(host: str) -> Case:
    return Case(host=host, incident="", failed_at=0.0, now=0.0)


def _read(output: bytes) -> tuple[str, str]:
    try:
        answer = json.loads(output)
    except ValueError:
        return "", ""
    if not isinstance(answer, dict):
        return "", ""
    return str(answer.get("state", "")), str(answer.get("detail", ""))
