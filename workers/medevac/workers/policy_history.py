"""Policy history: the policy sets that decided about incidents, as they were then."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError

from medevac.core import layout
from medevac.core.errors import MalformedDocumentError, MedevacError
from medevac.flows.policy.language import PolicySet
from medevac.flows.policy.stored import to_document
from medevac.workers import incidents
from medevac.workers.zookeeper import TooLargeError, TransactionRefusedError, bounded, commit

log = logging.getLogger(__name__)


class NoSuchPolicySetError(MedevacError):
    """There is no such policy set: `medevac policy history` lists those that have decided about an incident."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One policy set as it was kept."""

    digest: str
    at: float
    """Seconds since the epoch at which it first decided."""
    policies: tuple[Mapping[str, Any], ...]
    """In order of precedence, each in its own language, with every default written out."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the policies."""
        return tuple(str(policy.get("policy", "")) for policy in self.policies)


def keep(client: KazooClient, policy_set: PolicySet, now: float) -> None:
    """Keep *policy_set*, unless it is kept already.

    It stands outside the transaction that opens an incident: a set too large for ZooKeeper must not hold that up.
    Raises StoreUnreachableError when there is no answer.
    """
    path = layout.policy_set(policy_set.digest)
    if bounded(client.exists_async(path)) is not None:
        return
    documents = [to_document(policy) for policy in policy_set.policies]
    data = json.dumps({"at": now, "policies": documents}, separators=(",", ":")).encode()
    transaction = client.transaction()
    transaction.create(path, data)
    try:
        commit(transaction)
    except TransactionRefusedError as error:
        if not isinstance(error.cause, NodeExistsError):
            log.warning("policy set %s is not kept for the history: %s", policy_set.digest, error)
    except TooLargeError as error:
        log.warning("policy set %s is not kept for the history: %s", policy_set.digest, error)


def read(client: KazooClient, digest: str) -> Kept:
    """Return the policy set with this digest, or the only one whose digest begins so.

    Raises NoSuchPolicySetError and MalformedDocumentError.
    """
    known = [name for name in bounded(client.get_children_async(layout.POLICIES)) if name.startswith(digest)]
    if len(known) != 1:
        found = "there is no policy set" if not known else f"there are {len(known)} policy sets"
        raise NoSuchPolicySetError(f"{found} whose digest begins with {digest!r}: see `medevac policy history`")
    data, _ = bounded(client.get_async(layout.policy_set(known[0])))
    return _kept(known[0], data)


def read_all(client: KazooClient) -> list[Kept]:
    """Return every policy set that is kept, oldest first.  Raises MalformedDocumentError."""
    found = []
    for name in bounded(client.get_children_async(layout.POLICIES)):
        try:
            data, _ = bounded(client.get_async(layout.policy_set(name)))
        except NoNodeError:
            continue  # swept between the two reads
        found.append(_kept(name, data))
    return sorted(found, key=lambda kept: (kept.at, kept.digest))


def users(client: KazooClient) -> Mapping[str, list[str]]:
    """Return digest to the ids of the incidents that the set decided about, oldest first."""
    used: dict[str, list[str]] = {}
    for incident in incidents.read_all(client):
        used.setdefault(incident.policy_set, []).append(incident.id)
    return used


def _kept(digest: str, data: bytes) -> Kept:
    try:
        plain = json.loads(data)
        return Kept(digest, float(plain["at"]), tuple(plain["policies"]))
    except (ValueError, KeyError, TypeError) as error:
        message = f"{layout.policy_set(digest)}: not a policy set: {error}"
        raise MalformedDocumentError(message) from error
