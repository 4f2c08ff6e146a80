"""Claim: the right to work on one job, and the fence that ends it.

A claim raises the version of the job's znode by one.  That version is the claim's token: every write and every side
effect of a flow first proves, in the same ZooKeeper transaction, that the version still is the token.  Whoever
claims the job next raises it, and from then on everything the former owner tries is refused by ZooKeeper itself, even
when the former owner was frozen and knows nothing.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from kazoo.client import KazooClient, TransactionRequest
from taskflow import exceptions as taskflow_errors

from medevac.core.errors import ClaimLostError, MedevacError, StoreUnreachableError
from medevac.workers.zookeeper import CALL_TIMEOUT, TransactionRefusedError, commit

CHECK_TIMEOUT = 5.0
"""Seconds a side effect may be held up by a proof of ownership."""


class FencedOutError(ClaimLostError, taskflow_errors.ExecutionFailure):
    """The claim on a job is lost, or could not be proven: this run of it has ended here.

    Being an ExecutionFailure it makes TaskFlow stop the engine without recording a failure of the flow.
    """


class AbandonJobError(MedevacError, taskflow_errors.ExecutionFailure):
    """A job is given back to the board, to be claimed again later.

    Raise it in a conductor's hooks (prepare, between_atoms); inside a step it is a failure of that step.
    """


class AbortJobError(MedevacError):
    """A job is stopped for good, and what it has done is undone where that is possible.

    Raise it in the conductor's hook between_atoms, or in a step: either way TaskFlow reverts the flow.
    """


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one job, from its claim until somebody claims it again."""

    path: str
    """The job's znode."""
    token: int
    """The version that the claim gave the job's znode; grows with every claim of this job, by whomever."""
    name: str = ""
    """The job's name, for people."""
    owner: str = ""
    """The conductor that claimed."""
    revoked: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)
    """Set once the claim is lost or could not be proven: this process never uses it again."""

    def guard(self, transaction: TransactionRequest) -> None:
        """Make *transaction* fail unless this claim still is the job's last one."""
        transaction.check(self.path, version=self.token)


def check(client: KazooClient, claim: Claim, timeout: float = CHECK_TIMEOUT) -> None:
    """Return if *claim* is valid now; call it before every side effect.

    A check-only transaction is answered by ZooKeeper's leader; a plain read may come from a server that lags.
    Raises FencedOutError when the claim is lost or revoked, StoreUnreachableError when nobody answers within *timeout*
    seconds.  Either way the claim is revoked: the engine run that asked ends without recording a failure, and the job
    is resumed by the next claimer.
    """
    fenced_commit(client, claim, client.transaction(), timeout)


def fenced_commit(
    client: KazooClient,
    claim: Claim,
    transaction: TransactionRequest,
    timeout: float = CALL_TIMEOUT,
    *,
    revoke_when_unknown: bool = True,
) -> list[Any]:
    """Make all writes of *transaction* if *claim* is valid, or none, and return what each gave.

    Raises FencedOutError when the claim is lost, TransactionRefusedError (its index counts the caller's own writes)
    when one of the writes is refused, StoreUnreachableError when the outcome is unknown.  The last also revokes the
    claim unless *revoke_when_unknown* is false: a step that could not write must not go on, and an engine that took
    the step's error for a failure would revert a recovery because ZooKeeper was away for a moment.
    """
    if claim.revoked.is_set():
        raise FencedOutError(_lost(claim))
    fenced = client.transaction()
    claim.guard(fenced)
    fenced.operations.extend(transaction.operations)
    try:
        return commit(fenced, timeout)[1:]
    except TransactionRefusedError as error:
        if error.index:
            raise TransactionRefusedError(error.index - 1, error.path, error.cause) from error
        claim.revoked.set()
        raise FencedOutError(_lost(claim)) from error
    except StoreUnreachableError:
        if revoke_when_unknown:
            claim.revoked.set()
        raise


def _lost(claim: Claim) -> str:
    return f"Claim {claim.token} on job {claim.name or claim.path} is lost: this conductor touches nothing more of it."
