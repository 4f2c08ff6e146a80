"""Policies of every shape, for properties."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from medevac.flows.policy.deeds import GuestSeen, HostSeen, InVain, Service
from medevac.flows.policy.duration import Duration, TimeOfDay
from medevac.flows.policy.language import (
    FAILURES,
    SERVER_FAILURES,
    After,
    Allow,
    Answer,
    ColdMigrate,
    Disable,
    Ending,
    Evacuate,
    Expect,
    Fence,
    FirstOf,
    Flow,
    If,
    Kill,
    Leave,
    LiveMigrate,
    Match,
    Notify,
    OnFailure,
    Page,
    Patience,
    Policy,
    Priority,
    Readiness,
    Ready,
    Rebuild,
    Reset,
    Restart,
    RestartService,
    Result,
    Resume,
    Retry,
    States,
    Step,
    Together,
    Verify,
    Wait,
    WaitFor,
    WhileDumping,
)
from medevac.flows.policy.matching import ServerFacts, includes

names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn")), max_size=12)
patterns = st.lists(st.text("ab*", max_size=4), min_size=1, max_size=2).map(tuple)
lines = st.just(()) | patterns
metadata = st.dictionaries(st.sampled_from(["ha", "role", "<", "on"]), patterns, max_size=2)
LINES = {
    **dict.fromkeys(("az", "host", "aggregate", "project", "server", "flavor", "image", "tag"), lines),
    "metadata": metadata,
    "image_property": metadata,
}
plain_matches = st.builds(Match, **LINES)
some = plain_matches.filter(lambda match: not match.everyone)
matches = st.builds(Match, unless=st.none() | some, **LINES)


def leaves_somebody(match: Match) -> bool:
    """Tell whether the match is one that the checker does not refuse: `not` takes away less than all."""
    return match.unless is None or not includes(match.unless, replace(match, unless=None))


def durations(least: int, most: int) -> st.SearchStrategy[Duration]:
    """Return durations from *least* to *most* seconds, exact to the millisecond."""
    return st.integers(least * 1000, most * 1000).map(lambda milliseconds: Duration(milliseconds / 1000))


evacuations = st.builds(
    Evacuate,
    parallel=st.integers(1, 1000),
    timeout=durations(1, 86_400),
    on_failure=st.builds(OnFailure, retry=st.integers(0, 100), wait=durations(0, 3600)),
)
verifications = st.builds(Verify, expect=st.sampled_from(Expect), within=durations(1, 86_400))
endings = st.none() | st.sampled_from(Ending)
deadlines = st.none() | durations(1, 604_800)


@st.composite
def branches(draw: st.DrawFn, depth: int, least: int = 1) -> tuple[Step, ...]:
    """Return steps that may stand in a control, nested *depth* deep at most."""
    return tuple(draw(st.lists(inner(depth), min_size=least, max_size=2)))


def inner(depth: int) -> st.SearchStrategy[Step]:
    """Return steps that may stand anywhere after an evacuation, with controls nested *depth* deep at most."""
    told = st.builds(Notify, to=names, text=texts) | st.builds(Page, text=texts)
    plain = evacuations | told | st.builds(Wait, time=durations(0, 86_400))
    return plain if depth == 0 else plain | controls(depth - 1)


def controls(depth: int) -> st.SearchStrategy[Step]:
    """Return controls of every kind, whose steps hold controls *depth* deep at most."""
    waits = {"times": st.integers(1, 100), "wait": durations(0, 3600), "back_off": st.integers(1, 10)}
    result = {"step": st.just("evacuate"), "result": st.sampled_from(Result)}
    return (
        st.builds(Together, steps=branches(depth, 2))
        | st.builds(Retry, steps=branches(depth), **waits)
        | st.builds(FirstOf, alternatives=st.lists(branches(depth), min_size=2, max_size=3).map(tuple))
        | st.builds(If, then=branches(depth), otherwise=st.just(()) | branches(depth), **result)
    )


def moving(fences: st.SearchStrategy[Fence]) -> st.SearchStrategy[Flow]:
    """Return flows that bring servers back from a host that is fenced."""
    return st.builds(
        lambda fence, first, rest, deadline, ending: Flow((fence, Disable(), *first, *rest), deadline, ending),
        fences,
        st.tuples(evacuations, verifications),
        st.lists(controls(2), max_size=2),
        deadlines,
        endings,
    )


counted = {"at_most": st.integers(1, 1000), "within": durations(1, 604_800)}
parallel = st.integers(1, 1000)
told = st.builds(Page, text=texts) | st.builds(Wait, until=st.builds(TimeOfDay, st.integers(0, 23), st.integers(0, 59)))
moves = st.builds(LiveMigrate, parallel=parallel) | st.builds(ColdMigrate, timeout=durations(1, 86_400))
kills = st.builds(Kill, timeout=durations(1, 86_400))
in_place = (
    st.builds(Restart, timeout=durations(1, 86_400), **counted)
    | st.builds(Reset, watch=durations(1, 600), **counted)
    | st.builds(Resume, within=durations(1, 604_800), every=durations(1, 3600))
    | st.builds(Rebuild, parallel=parallel)
    | st.builds(WaitFor, port=st.integers(1, 65_535), then=st.sampled_from(InVain))
    | st.builds(WaitFor, guest=st.just(GuestSeen.READY), within=durations(1, 604_800))
)
awaited = st.builds(WaitFor, service=st.sampled_from(Service)) | st.builds(WaitFor, host=st.sampled_from(HostSeen))
rescues = st.tuples(kills, evacuations, verifications)


def living(
    steps: st.SearchStrategy[Step], *, first: tuple[Step, ...] = (), last: st.SearchStrategy[tuple[Step, ...]]
) -> st.SearchStrategy[Flow]:
    """Return flows for what lives: what is done once for the host, a few *steps*, and how it ends."""
    few = st.lists(steps, min_size=1, max_size=3).map(tuple)
    either = st.lists(few, min_size=2, max_size=2).map(lambda found: (FirstOf(tuple(found)),))
    return st.builds(
        lambda middle, end, ending: Flow((*first, *middle, *end), None, ending), few | either, last, endings
    )


nothing: st.SearchStrategy[tuple[Step, ...]] = st.just(())
restarting = (Disable(), RestartService(Service.LIBVIRT))
answers_to = {
    "host.down": moving(st.builds(Fence, while_dumping=st.none() | st.sampled_from(WhileDumping))),
    "nova-compute.down": living(told | awaited, first=(Disable(),), last=rescues | nothing),
    "libvirt.down": living(told | awaited, first=restarting, last=st.tuples(st.just(Fence()), evacuations) | nothing),
    **dict.fromkeys(
        ("host.degraded", "host.network.down", "host.network.tenant.down"),
        living(told | awaited | moves, first=(Disable(),), last=rescues | nothing),
    ),
    **dict.fromkeys(sorted(SERVER_FAILURES), living(told | moves | kills | in_place, last=nothing)),
}
leaving = st.builds(Leave, reason=texts).map(lambda leave: Flow((leave,)))
flows = moving(st.just(Fence())) | leaving
readiness = st.sampled_from([Ready(), Ready(Readiness.GUEST)]) | st.integers(1, 65_535).map(
    lambda port: Ready(Readiness.PORT, port)
)
orders = st.builds(
    After,
    match=some,
    policy=st.lists(names, max_size=2).map(tuple),
    ready=readiness,
    delay=durations(0, 3600),
    timeout=durations(1, 86_400),
    then=st.sampled_from(Patience),
)
answers = {name: st.sampled_from(Answer) for name in ("error", "paused", "resized", "locked", "busy")}
policies = st.builds(
    Policy,
    name=names,
    about=texts,
    match=matches.filter(leaves_somebody),
    on_failure=st.sampled_from(Ending),
    allow=st.none() | st.sampled_from(Allow),
    states=st.builds(States, **answers),
    after=st.lists(orders, max_size=2).map(tuple),
    priority=st.sampled_from(Priority),
    deadline=st.none() | durations(1, 604_800),
    when=st.lists(st.sampled_from(sorted(FAILURES)), min_size=1, max_size=3, unique=True).flatmap(
        lambda failures: st.fixed_dictionaries({each: leaving | answers_to.get(each, flows) for each in failures})
    ),
)

words = st.text("ab", max_size=4)
servers = st.builds(
    ServerFacts,
    id=words,
    name=words,
    project_id=words,
    project_name=words,
    host=words,
    zone=words,
    aggregates=st.lists(words, max_size=2).map(tuple),
    metadata=st.dictionaries(st.sampled_from(["ha", "role"]), words, max_size=2),
    flavor=words,
    image=words,
    tags=st.lists(words, max_size=2).map(tuple),
    image_properties=st.dictionaries(st.sampled_from(["ha", "role"]), words, max_size=2),
)
