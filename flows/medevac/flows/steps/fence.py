"""Fence: ends with evidence that the host is off, or does not end well."""

from __future__ import annotations

from typing import Any

from medevac.core.errors import FencingError, NoEvidenceError
from medevac.core.evidence import FenceEvidence
from medevac.core.wire import to_plain
from medevac.flows.brief import Brief
from medevac.flows.ports import Ports
from medevac.flows.steps.base import Step

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0


class Fence(Step):
    """Take evidence that is there, else order the power off and read the power state back."""

    def __init__(self, brief: Brief) -> None:
        """Provide "evidence"."""
        super().__init__("fence", brief, provides="evidence")

    def execute(self, *, ports: Ports, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return the evidence; raise NoEvidenceError when there is none: the incident is held when the job ends.

        It is not held here: until the job has ended, evidence that comes in is for this attempt and not for a next.
        """
        evidence = ports.log.evidence()
        if evidence is not None:
            self.say(ports, f"{evidence.host} is off on the word of {evidence.source}: {evidence.detail}")
        else:
            evidence = self._fence(ports)
            ports.log.add_evidence(evidence)
            self.say(ports, f"{self.brief.host} is off: {evidence.source} says {evidence.detail}")
        return to_plain(evidence)

    def _fence(self, ports: Ports) -> FenceEvidence:
        host, clock = self.brief.host, ports.clock
        if not ports.fencer.can_fence(host):
            raise self._nothing(f"no fence device is configured for {host}")
        give_up = clock.now() + self.brief.settings.fence_timeout
        pause = FIRST_PAUSE
        while True:
            evidence, problem = self._try_once(ports)
            if evidence is not None:
                return evidence
            if clock.now() + pause > give_up:
                raise self._nothing(problem)
            self.say(ports, f"{problem}; trying again in {pause:.0f} s")
            clock.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _try_once(self, ports: Ports) -> tuple[FenceEvidence | None, str]:
        """Return evidence, or what stands in its way.  The state is read first: off already needs no order."""
        host = self.brief.host
        try:
            evidence = ports.log.evidence() or ports.fencer.is_off(host)
            if evidence is None:
                self.say(ports, f"ordering the power of {host} off")
                ports.log.assert_owned()
                ports.fencer.power_off(host)
                evidence = ports.fencer.is_off(host)
        except FencingError as error:
            return None, f"{host} could not be fenced: {error}"
        return evidence, f"the fence device says that {host} is still on"

    def _nothing(self, problem: str) -> NoEvidenceError:
        return NoEvidenceError(
            f"no evidence that {self.brief.host} is off ({problem}): nothing is evacuated. "
            f"Release it by fencing the host through Pacemaker, or mend its fence device and post the event again."
        )
