"""Ordering: who waits for whom among the servers of a host, from policies and owners' wishes.  Pure.

What comes out has no cycles, and nobody waits for a server that goes later: waits that would make a recovery stand
still are dropped or bent, always the same ones, and each with a remark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from medevac.flows.abilities import Abilities
from medevac.flows.plan import Dependency, LeftServer, Order, PlannedServer, Remark
from medevac.flows.policy.language import After, Policy
from medevac.flows.policy.matching import ServerFacts, covers, matches

TOLD = 20
"""Remarks on cycles that are written out; the rest is only counted."""


@dataclass(frozen=True, slots=True)
class Member:
    """A server of the host, as far as the order needs it."""

    place: PlannedServer | LeftServer
    facts: ServerFacts
    vm_state: str
    wishes: tuple[After, ...] = ()
    """What its owner wishes, as far as the site permits it."""

    @property
    def id(self) -> str:
        """Return the server's id."""
        return self.place.id

    @property
    def planned(self) -> PlannedServer | None:
        """Return its place in the plan, or None where it is left."""
        return self.place if isinstance(self.place, PlannedServer) else None

    @property
    def missed(self) -> bool:
        """Tell whether anybody would wait for it: not for what its owner had shut off, or is deleting."""
        gone = isinstance(self.place, LeftServer) and self.place.reason.startswith("its owner is deleting")
        return self.vm_state != "stopped" and not gone


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The servers in an order in which none comes before one that it waits for, and what else the plan keeps."""

    servers: tuple[PlannedServer, ...]
    order: Order
    remarks: tuple[Remark, ...]


def in_order(policies: Sequence[Policy], failure: str) -> list[Policy]:
    """Return the policies that do something on *failure*, most urgent first; equals keep their precedence."""
    acting = [policy for policy in policies if failure in policy.when and policy.when[failure].answers(failure)]
    return sorted(acting, key=lambda policy: policy.priority.rank)


def arrange(members: Sequence[Member], order: Sequence[Policy], cloud: Abilities, baseline: int) -> Arrangement:
    """Return who waits for whom.

    *order* is that of the policies (see `in_order`); *baseline* a record that is older than this recovery.
    """
    graph = _Graph(members, {policy.name: rank for rank, policy in enumerate(order)})
    for policy in order:
        for after in policy.after:
            graph.demand(policy, after)
    graph.break_cycles()
    graph.pull_forward()
    for member in members:
        for wish in member.wishes:
            graph.wish(member, wish)
    dependencies = tuple(graph.dependencies())
    planned = {member.id for member in members if member.planned}
    apart = (tuple(sorted(planned & set(group.members))) for group in cloud.groups if group.strict)
    return Arrangement(
        servers=graph.servers(),
        order=Order(
            dependencies=dependencies,
            apart=tuple(ids for ids in apart if len(ids) > 1),
            hold=bool(dependencies) and cloud.can_hold,
            baseline=baseline,
        ),
        remarks=graph.remarks(cloud.untold),
    )


@dataclass(slots=True)
class _Wait:
    """A demand or a wish, as edges that can still be dropped."""

    after: After
    edges: dict[str, list[str]]
    """Ids of waiters, each with the ids of those that it waits for."""


class _Graph:
    """The servers and their waits while they are put in order."""

    def __init__(self, members: Sequence[Member], ranks: Mapping[str, int]) -> None:
        self._members = {member.id: member for member in members}
        self._planned = [member.planned for member in members if member.planned]
        self._ranks = ranks
        self._wave = {server.id: server.policy for server in self._planned}
        self._waits: list[_Wait] = []
        self._out: dict[str, list[tuple[int, str]]] = {}
        self._cycles: list[Remark] = []
        self._others: list[Remark] = []

    def demand(self, policy: Policy, after: After) -> None:
        """Let the servers of *policy* wait as *after* says; what is waited for by it does not itself wait by it."""
        meant = {id_: member for id_, member in self._members.items() if _means(after, member)}
        awaited = [id_ for id_, member in meant.items() if member.missed]
        waiters = [server.id for server in self._planned if server.policy == policy.name and server.id not in meant]
        if awaited and waiters:
            self._add(after, waiters, awaited)

    def wish(self, member: Member, after: After) -> None:
        """Let one server wait as its owner wishes, as far as that costs nobody else anything."""
        if member.planned is None:
            return
        meant = [other for other in self._members.values() if other is not member and _means(after, other)]
        mine = [other for other in meant if other.facts.project_id == member.facts.project_id and other.missed]
        kept = [other.id for other in mine if self._grants(member, other)]
        if kept:
            self._add(after, [member.id], kept)

    def _add(self, after: After, waiters: Sequence[str], awaited: Sequence[str]) -> None:
        number = len(self._waits)
        self._waits.append(_Wait(after, {waiter: list(awaited) for waiter in waiters}))
        for waiter in waiters:
            self._out.setdefault(waiter, []).extend((number, each) for each in awaited)

    def _grants(self, member: Member, other: Member) -> bool:
        told = f"its owner's wish to wait for {other.place.name} is not followed: "
        if other.planned and self._rank(other.id) > self._rank(member.id):
            self._other(member.id, f"{told}that one goes later, with policy {self._wave[other.id]}")
            return False
        if self._reaches(other.id, member.id):
            self._other(member.id, f"{told}that one waits for it, by itself or through others")
            return False
        return True

    def break_cycles(self) -> None:
        """Drop, in a walk that is always the same, each wait that would close a circle."""
        dropped: list[tuple[int, str, str]] = []
        self._walk(lambda wait, waiter, awaited: dropped.append((wait, waiter, awaited)))
        for wait, waiter, awaited in dropped:
            self._waits[wait].edges[waiter].remove(awaited)
            self._out[waiter].remove((wait, awaited))
            text = f"it does not wait for {self._name(awaited)}, which waits for it, by itself or through others"
            self._cycles.append(Remark(waiter, self._name(waiter), text))

    def pull_forward(self) -> None:
        """Let what is waited for go with those that wait, where its own policy goes later."""
        for waiter in reversed(self._walk(None)):
            for _, awaited in self._edges(waiter):
                if awaited in self._wave and self._rank(awaited) > self._rank(waiter):
                    self._wave[awaited] = self._wave[waiter]
                    text = f"it goes with policy {self._wave[waiter]}: {self._name(waiter)} waits for it"
                    self._other(awaited, text)

    def servers(self) -> tuple[PlannedServer, ...]:
        """Return the servers, each after those that it waits for, else in the order in which they were given."""
        if not self._waits:
            return tuple(self._planned)
        planned = {server.id: server for server in self._planned}
        found = (planned[id_] for id_ in self._walk(None) if id_ in planned)
        return tuple(
            server if self._wave[server.id] == server.policy else replace(server, wave=self._wave[server.id])
            for server in found
        )

    def dependencies(self) -> Iterator[Dependency]:
        """Yield the waits: waiters that wait for the same servers stand together, which keeps the plan short."""
        for wait in self._waits:
            alike: dict[tuple[str, ...], list[str]] = {}
            for waiter, awaited in wait.edges.items():
                alike.setdefault(tuple(awaited), []).append(waiter)
            for awaited_by_all, waiters in alike.items():
                if awaited_by_all:
                    yield _dependency(wait.after, waiters, awaited_by_all)

    def remarks(self, untold: str) -> tuple[Remark, ...]:
        """Return what was dropped or bent, and what is not known."""
        more = len(self._cycles) - TOLD
        rest = [Remark("", "order", f"{more} more waits are dropped because they close circles")] if more > 0 else []
        unknown = [Remark("", "order", untold)] if untold else []
        return (*self._cycles[:TOLD], *rest, *self._others, *unknown)

    def _walk(self, closes: Callable[[int, str, str], None] | None) -> list[str]:
        """Return all servers, depth first, each after those that it waits for; tell *closes* of edges in circles."""
        walked: list[str] = []
        state: dict[str, int] = {}
        for root in sorted(self._wave, key=self._rank):
            if root in state:
                continue
            state[root] = 1
            path = [(root, iter(self._edges(root)))]
            while path:
                at, edges = path[-1]
                step = next(edges, None)
                if step is None:
                    path.pop()
                    state[at] = 2
                    walked.append(at)
                elif step[1] not in state:
                    state[step[1]] = 1
                    path.append((step[1], iter(self._edges(step[1]))))
                elif state[step[1]] == 1 and closes is not None:
                    closes(step[0], at, step[1])
        return walked

    def _edges(self, waiter: str) -> Sequence[tuple[int, str]]:
        """Return whom *waiter* waits for, and by which wait."""
        return self._out.get(waiter, ())

    def _reaches(self, start: str, end: str) -> bool:
        seen, left = {start}, [start]
        while left:
            fresh = {awaited for _, awaited in self._edges(left.pop())} - seen
            if end in fresh:
                return True
            seen |= fresh
            left += fresh
        return False

    def _rank(self, server_id: str) -> int:
        return self._ranks.get(self._wave.get(server_id, ""), -1)

    def _name(self, server_id: str) -> str:
        return self._members[server_id].place.name

    def _other(self, server_id: str, text: str) -> None:
        self._others.append(Remark(server_id, self._name(server_id), text))


def _means(after: After, member: Member) -> bool:
    in_policies = not after.policy or any(matches(glob, member.place.policy) for glob in after.policy)
    return in_policies and covers(after.match, member.facts)


def _dependency(after: After, waiters: Iterable[str], awaited: tuple[str, ...]) -> Dependency:
    return Dependency(
        waiters=tuple(waiters),
        awaited=awaited,
        ready=str(after.ready),
        delay=float(after.delay),
        timeout=float(after.timeout),
        then=after.then.value,
    )
