"""Kill: end a server's guest on a host that lives, with proof.  Nothing else on the host is touched."""

from __future__ import annotations

from typing import ClassVar

from medevac.core.evidence import REBOOT, FenceEvidence, speaks_for
from medevac.flows.plan import Proof
from medevac.flows.policy.language import Allow, Result
from medevac.flows.policy.words import SERVER_FAILURES
from medevac.flows.ports import KillProof
from medevac.flows.standing import Standing
from medevac.flows.steps.errands import Deed, End, Target, failed
from medevac.flows.still_out import life_of

UNDER_WAY = ("migrating", "resize_prep", "resize_migrating", "resize_migrated", "resize_finish")
"""Tasks in the midst of which a server may run on another host by now."""


class Kill(Deed):
    """Ask the hypervisor itself: Nova cannot be asked where its nova-compute is away."""

    word: ClassVar[str] = "kill"
    needs: ClassVar[Allow] = Allow.EVACUATE
    through_nova: ClassVar[bool] = False

    def concerns(self, server: Standing) -> bool:
        """Tell whether it may still run here."""
        return super().concerns(server) and server.proof is None

    def ready(self, target: Target) -> End | None:
        """Return why it is not killed."""
        if target.seen.task_state in UNDER_WAY:
            return failed(f"it is not killed while it is {target.seen.task_state}: it may run elsewhere by now")
        if target.planned.unfit and target.brief.failure not in SERVER_FAILURES:
            return failed(f"it is not killed, for it would not be brought back: {target.planned.unfit}")
        evidence = target.ports.log.evidence()
        if evidence is None or evidence.action == REBOOT or not speaks_for(evidence, life_of(target.brief)):
            return None
        return fenced(evidence)

    def ask(self, target: Target) -> End:
        """Kill it and return the proof."""
        proof = target.ports.hypervisor.kill(target.brief.host, target.planned.id)
        return End(
            Result.DONE, f"{proof.action} on {proof.host}: {proof.source} says {proof.raw}", proof=of_kill(proof)
        )

    def judge(self, target: Target) -> End:
        """Kill it again, after a worker died in the midst of it: what is off already is proven to be off."""
        target.ports.log.assert_owned()
        return self.ask(target)


def of_kill(proof: KillProof) -> Proof:
    """Return *proof* as a standing keeps it."""
    return Proof(proof.at, proof.source, f"{proof.action}: {proof.raw}")


def of_host(evidence: FenceEvidence) -> Proof:
    """Return the evidence that the whole host is off as that of one server on it."""
    return Proof(evidence.at, evidence.source, f"{evidence.action}: {evidence.detail}", host_off=True)


def fenced(evidence: FenceEvidence) -> End:
    """Return that a server is off because its host is."""
    return End(Result.DONE, f"{evidence.host} is off, says {evidence.source}", proof=of_host(evidence))
