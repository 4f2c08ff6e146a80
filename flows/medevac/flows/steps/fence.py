"""Fence: ends with evidence that the host is off, or does not end well."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from medevac.core.errors import CloudError, HostReturnedError, NoEvidenceError, NotificationError
from medevac.core.evidence import ACKNOWLEDGED, REBOOT, FenceEvidence, objection
from medevac.core.wire import to_plain
from medevac.flows.brief import Brief
from medevac.flows.dumping import DumpWord
from medevac.flows.ladder import Ladder
from medevac.flows.policy.language import Policy
from medevac.flows.ports import Ports
from medevac.flows.steps.base import Step
from medevac.flows.steps.plan import MakePlan
from medevac.flows.still_out import has_returned, life_of, returned, silent_since

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 15.0


class Fence(Step):
    """Take evidence that is there and speaks for this incarnation, else climb the host's ladder for it."""

    def __init__(self, brief: Brief, policies: Sequence[Policy] = ()) -> None:
        """Provide "evidence"; *policies* say whether a crash dump is waited for."""
        super().__init__("fence", brief, provides="evidence")
        self._policies = tuple(policies)

    def execute(self, *, ports: Ports, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return the evidence; raise NoEvidenceError when there is none: the incident is held when the job ends.

        It is not held here: until the job has ended, evidence that comes in is for this attempt and not for a next.
        Raises HostReturnedError for a host that works again since it was fenced.
        """
        evidence, against = self._stored(ports)
        if evidence is not None:
            self.say(ports, f"{evidence.host} is off on the word of {evidence.source}: {evidence.detail}")
        else:
            evidence = self._fence(ports, against)
            ports.log.add_evidence(evidence)
            agreed = f", and so {_say(evidence.confirmed_by)}" if evidence.confirmed_by else ""
            self.say(ports, f"{self.brief.host} is off: {evidence.source} says {evidence.detail}{agreed}")
        return to_plain(self._kept_off(ports, evidence))

    def _kept_off(self, ports: Ports, evidence: FenceEvidence) -> FenceEvidence:
        """Return better evidence for a host that comes back by itself, where the site has a rung that keeps it off."""
        if evidence.action != REBOOT:
            return evidence
        better = self._ladder(ports).keep_off()
        if better is None:
            return evidence
        ports.log.add_evidence(better)
        self.say(ports, f"{self.brief.host} stays off: {better.source} says {better.detail}")
        return better

    def _stored(self, ports: Ports) -> tuple[FenceEvidence | None, str]:
        """Return what is stored with the incident, if it proves the end of this incarnation.

        Otherwise it is forgotten, and the second is why; it is empty where nothing was stored.
        """
        evidence = ports.log.evidence()
        if evidence is None:
            return None, ""
        against = objection(evidence, life_of(self.brief)) or self._contradiction(ports, evidence)
        if not against:
            return evidence, ""
        ports.log.drop_evidence(evidence)
        against = f"what {evidence.source} says is no evidence for this incident: {against}"
        self.say(ports, against)
        return None, against

    def _contradiction(self, ports: Ports, evidence: FenceEvidence) -> str:
        """Return why Nova contradicts a human's word: people pull the plug of the host beside it.

        Raises HostReturnedError for a host that was off, and works again.
        """
        if evidence.action == ACKNOWLEDGED:
            silent = self.patiently(ports, lambda: silent_since(ports, self.brief.host, evidence.at))
            return "nova-compute there goes on reporting to Nova" if silent is False else ""
        if has_returned(ports, self.brief, evidence):
            # It stays with the incident: that what ran there ended is as true as it was (see HostDown.left_behind).
            raise HostReturnedError(returned(self.brief, evidence))
        return ""

    def _fence(self, ports: Ports, against: str) -> FenceEvidence:
        ladder = self._ladder(ports)
        refused = f"{against}; " if against else ""
        if not ladder.rungs:
            raise self._nothing(f"{refused}no fence device is configured for {self.brief.host}")
        clock = ports.clock
        give_up = clock.now() + self.brief.settings.fence_timeout
        pause = FIRST_PAUSE
        while True:
            evidence = ladder.climb()
            if evidence is not None and evidence.action == ACKNOWLEDGED:
                # It came while the rungs were tried, and is asked about like a word that was there before.
                evidence, against = self._stored(ports)
                refused = f"{against}; " if against else ""
            if evidence is not None:
                return evidence
            if clock.now() + pause > give_up:
                self._page(ports, ladder)
                if ladder.refusal != ladder.refusal_in_short:
                    self.say(ports, f"{self.brief.host} could not be fenced: {ladder.refusal}")
                raise self._nothing(refused + ladder.refusal_in_short)
            self.say(ports, f"{self.brief.host} could not be fenced: {ladder.refusal}; trying again in {pause:.0f} s")
            ports.log.heed()
            clock.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _ladder(self, ports: Ports) -> Ladder:
        dump = DumpWord(self._policies, self.brief.failure, lambda: self._who_is_there(ports))
        return Ladder(self.brief, ports, lambda text: self.say(ports, text), dump)

    def _who_is_there(self, ports: Ports) -> Collection[str] | None:
        """Return the policies that have servers on the host; None where Nova does not say at once."""
        hasty = replace(self.brief, settings=replace(self.brief.settings, patience=0.0))
        try:
            service = ports.cloud.host_service(self.brief.host)
            plan = MakePlan(hasty, self._policies).made(ports, service.zone if service else "")
        except CloudError:
            return None
        return {server.policy for server in plan.servers}

    def _page(self, ports: Ports, ladder: Ladder) -> None:
        """Tell those whom the ladder names; in the first attempt only, so that retries are silent."""
        for target in {rung.page for rung in ladder.rungs if rung.page and ports.log.attempt() == 1}:
            text = f"{self.brief.host} could not be fenced: {ladder.refusal_in_short}. {self._release()}"
            try:
                ports.notifier.send(target, f"medevac: {self.brief.host} cannot be fenced", text)
            except NotificationError as error:
                self.say(ports, f"{target} was not told that nothing could fence {self.brief.host}: {error}")
            else:
                self.say(ports, f"told {target} that nothing could fence {self.brief.host}")

    def _nothing(self, problem: str) -> NoEvidenceError:
        return NoEvidenceError(
            f"no evidence that {self.brief.host} is off ({problem}): nothing is evacuated. {self._release()}"
        )

    def _release(self) -> str:
        return (
            f"Release it by fencing the host through Pacemaker, by mending a fence device, or, when you have seen that "
            f"the host is off: medevac incident ack {self.brief.incident} --fenced --by YOUR-NAME --why HOW-YOU-KNOW"
        )


def _say(names: tuple[str, ...]) -> str:
    return f"{' and '.join(names)} {'says' if len(names) == 1 else 'say'}"
