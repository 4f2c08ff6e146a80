"""Outcome: how a job's flow has ended, read from its atoms, and what becomes of the job."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from kazoo.client import TransactionRequest
from taskflow import states
from taskflow.persistence.models import FlowDetail
from taskflow.types.failure import Failure

from medevac.core.errors import MedevacError
from medevac.core.shortening import shortened
from medevac.workers.engine.claim import Claim
from medevac.workers.engine.job import BoardJob
from medevac.workers.engine.parking import ParkedKind, park

LOG = logging.getLogger(__name__)

FINAL = (states.SUCCESS, states.REVERTED, states.FAILURE)
"""Flow states after which nothing is run any more.  TaskFlow would run a REVERTED flow again from its start."""
REASON_LIMIT = 1200
"""Characters: what a ladder of rungs said, and how it is released; of a longer one the middle is left out."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job's flow has ended.  Whatever it is, nothing more is run for this job."""

    job: BoardJob
    claim: Claim
    flow_state: str
    """SUCCESS, REVERTED, FAILURE (reverting failed half-way), SUSPENDED (stopped by a hook), or PENDING (never ran)."""
    succeeded: bool
    reason: str
    """One sentence; for a failure the messages of the steps that failed."""
    exception: BaseException | None = None
    """What was raised, when it was raised in this process."""
    flow: FlowDetail | None = None
    """The flow as it is stored; None when it could not be loaded or did not run."""

    def failed_with(self, kind: type[Exception]) -> bool:
        """Tell whether a step has failed with *kind*, in whatever process it ran."""
        return self.flow is not None and any(
            atom.failure is not None and atom.failure.check(kind) for atom in self.flow
        )


@dataclass(frozen=True, slots=True)
class GivenBack:
    """The job was not ended: it goes back to the board, and is resumed by whoever claims it next."""

    reason: str
    postponed: bool = True
    """Whether this conductor waits before it claims the job again."""


def of_flow(job: BoardJob, claim: Claim, flow: FlowDetail, exception: BaseException | None = None) -> Outcome:
    """Return the outcome that *flow*, as it is stored, stands for.

    The atoms have the last word: a conductor that died while reverting can leave a flow that says REVERTED although a
    revert failed.
    """
    state = flow.state or states.PENDING
    if any(atom.state == states.REVERT_FAILURE for atom in flow):
        state = states.FAILURE
    succeeded = state == states.SUCCESS
    sentence = "All steps succeeded." if succeeded else _sentence(flow, exception)
    return Outcome(job, claim, state, succeeded, sentence, exception, flow)


def of_error(job: BoardJob, claim: Claim, exception: BaseException, flow_state: str = states.PENDING) -> Outcome:
    """Return the outcome of a job that cannot be run, or was stopped, because of *exception*."""
    return Outcome(job, claim, flow_state, succeeded=False, reason=_describe(exception), exception=exception)


def park_failures(outcome: Outcome, transaction: TransactionRequest) -> None:
    """Add a record of a failed job to *transaction*: what a conductor does when it is not told otherwise."""
    if not outcome.succeeded:
        park(transaction, ParkedKind.FAILED, outcome.job.path, outcome.job.raw, outcome.reason)


def log_unforeseen(job: BoardJob, flow: FlowDetail) -> None:
    """Log where steps of *flow* failed with anything but an error of ours: a bug, of medevac or of a site's step."""
    for atom in flow:
        failure = atom.failure or atom.revert_failure
        if failure is not None and not failure.check(MedevacError):
            where = failure.pformat(traceback=True)
            LOG.error("Job %s: %s failed as nobody has foreseen:\n%s", job.name, atom.name, where)


def _sentence(flow: FlowDetail, exception: BaseException | None) -> str:
    told = "; ".join(dict.fromkeys(_failures(flow)))
    if told:
        return shortened(told, REASON_LIMIT)
    return _describe(exception) if exception else f"The flow ended as {flow.state} without a recorded failure."


def _failures(flow: FlowDetail) -> Iterator[str]:
    for atom in flow:
        if atom.failure is not None:
            yield f"{atom.name}: {_told(atom.failure)}"
        if atom.revert_failure is not None:
            yield f"revert of {atom.name}: {_told(atom.revert_failure)}"


def _told(failure: Failure) -> str:
    """Return what *failure* says; where nobody has foreseen it, its class too, since the words alone say too little."""
    if failure.check(MedevacError):
        return str(failure.exception_str)
    return f"{next(iter(failure)).rpartition('.')[2]}: {failure.exception_str}"


def _describe(exception: BaseException) -> str:
    return shortened(f"{type(exception).__name__}: {exception}", REASON_LIMIT)
