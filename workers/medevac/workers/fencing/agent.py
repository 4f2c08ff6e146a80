"""One run of a fence agent: options on standard input only, a deadline, and an answer without secrets."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from medevac.core.errors import FencingError
from medevac.core.evidence import FenceEvidence
from medevac.flows.rung import Answer, Case, Rung
from medevac.workers.fencing.device import FenceDevice
from medevac.workers.fencing.means import Step
from medevac.workers.fencing.process import run

ON = 0
OFF = 2
"""Exit codes of the action status."""
_MEANINGS = {
    "Unable to obtain correct plug status": "a wrong user, password or plug, which this agent does not tell apart",
    "KeyError: 'Members'": "a wrong user or password: the BMC did not let it in",
    "CERTIFICATE_VERIFY_FAILED": "the BMC's certificate is not trusted here; the option 'ssl_insecure' takes any",
}
"""What agents say (4.12.1, tried against real devices in tests/devices), and what people need to hear."""
_OFF_WORD = re.compile(rb"\boff\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to."""

    code: int
    ending: str
    words: str
    """Its output, shortened, with the secrets masked."""
    says_off: bool
    """The word "off" stands in its standard output."""


class FenceAgent:
    """Runs the agent of one device for one host."""

    def __init__(self, device: FenceDevice, host: str) -> None:
        """Speak with *device* about *host*."""
        self._device = device
        self._host = host

    def is_off(self) -> str | None:
        """Return the agent's words when the host is off, None when it is on; raise FencingError otherwise."""
        answer = self._run("status")
        if answer.code == ON:
            return None
        if answer.code == OFF and (self._device.terse or answer.says_off):
            return answer.words or f"exit code {OFF}"
        raise FencingError(self._complaint("status", answer))

    def off(self) -> str:
        """Order the power off and return the agent's words; raise FencingError unless it says that it succeeded."""
        answer = self._run("off")
        if answer.code:
            raise FencingError(self._complaint("off", answer))
        return answer.words

    def _run(self, action: str) -> Run:
        secrets = self._device.secrets()
        request = self._device.request(self._host, action, secrets)
        try:
            ran = run([self._device.agent], request, self._device.timeout)
        except OSError as error:
            message = f"fence agent {self._device.agent} cannot be run: {error.strerror}. Install it (fence-agents)"
            raise FencingError(message) from error
        except subprocess.TimeoutExpired as error:
            message = f"{self._device.name} did not finish '{action}' for {self._host} in {self._device.timeout:g} s "
            reached = "; the order may have reached the device" if action == "off" else ""
            raise FencingError(f"{message}and was killed{reached}") from error
        says_off = bool(_OFF_WORD.search(ran.output))
        return Run(ran.code, ran.ending, ran.words(secrets.values()), says_off)

    def _complaint(self, action: str, answer: Run) -> str:
        meanings = [meaning for said, meaning in _MEANINGS.items() if said in answer.words]
        told = "".join(f"{meaning}: " for meaning in meanings) + (answer.words or "it said nothing")
        return f"{self._device.name} {answer.ending} on '{action}' for {self._host}: {told}"


class AgentMeans:
    """The Means of one fence device."""

    suffices = True

    def __init__(self, device: FenceDevice) -> None:
        """Drive *device*."""
        self._device = device

    def covers(self, host: str) -> bool:
        """Tell whether the device has a plug for *host*."""
        return self._device.covers(host)

    def look(self, case: Case) -> Answer:
        """Read the power state: one run of the agent."""
        words = FenceAgent(self._device, case.host).is_off()
        if words is None:
            return Answer()
        return Answer(FenceEvidence(case.host, case.now, f"agent:{self._device.name}", "already-off", words))

    def order(self, case: Case) -> None:
        """Order the power off: one run of the agent."""
        FenceAgent(self._device, case.host).off()

    def prove(self, host: str) -> str:
        """Read the power state."""
        words = FenceAgent(self._device, host).is_off()
        return "its status is on" if words is None else f"its status is off ({words})"


def agent_step(device: FenceDevice, name: str, *, times: int = 1, keeps_off: bool = False) -> Step:
    """Return the rung called *name* that drives *device*."""
    back = device.reads * device.interval
    rung = Rung(name, timeout=back, times=times, interval=device.interval, keeps_off=keeps_off)
    return Step(rung, AgentMeans(device))
