"""Policies of every shape, for properties."""

from __future__ import annotations

from hypothesis import strategies as st

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import (
    FAILURES,
    Disable,
    Evacuate,
    Expect,
    Fence,
    Flow,
    Leave,
    Match,
    OnFailure,
    Policy,
    Priority,
    Verify,
)
from medevac.flows.policy.matching import ServerFacts

texts = st.text(st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn")), max_size=12)
patterns = st.lists(st.text("ab*", max_size=4), min_size=1, max_size=2).map(tuple)
lines = st.just(()) | patterns
metadata = st.dictionaries(st.sampled_from(["ha", "role", "<", "on"]), patterns, max_size=2)
matches = st.builds(
    Match,
    az=lines,
    host=lines,
    aggregate=lines,
    project=lines,
    server=lines,
    metadata=metadata,
    flavor=lines,
    image=lines,
)


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
moving = st.builds(lambda *steps: Flow(steps), st.just(Fence()), st.just(Disable()), evacuations, verifications)
leaving = st.builds(Leave, reason=texts).map(lambda leave: Flow((leave,)))
flows = moving | leaving
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True)
policies = st.builds(
    Policy,
    name=names,
    about=texts,
    match=matches,
    priority=st.sampled_from(Priority),
    deadline=st.none() | durations(1, 604_800),
    when=st.dictionaries(st.sampled_from(sorted(FAILURES)), flows, min_size=1, max_size=3),
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
)
