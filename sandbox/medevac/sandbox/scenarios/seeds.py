"""Seeds: plays that nobody has written: a site, failures and troubles that one number decides, always in the same way.

There are four kinds.  "1021" is a play of dead_seeds.py, in which hosts die; "live-1021" is one of live_seeds.py, in
which hosts live and lack something, and servers fail; "capped-1021" is one of capped_seeds.py, in which several hosts
die on a site that wants little at once; "said-1021" is one of said_seeds.py, in which people say of hosts that they are
off.  What each may do is what scripts can say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from medevac.flows.policy.language import PolicySet
from medevac.sandbox.scenarios import capped_seeds, dead_seeds, live_seeds, said_seeds
from medevac.sandbox.scenarios.crew import Crew
from medevac.sandbox.scenarios.language import Script
from medevac.sandbox.scenarios.player import Played, play
from medevac.sandbox.scenarios.stage import Ground

LIVE = "live-"
"""The beginning of seeds of the second kind."""
CAPPED = "capped-"
"""The beginning of seeds of the third kind."""
SAID = "said-"
"""The beginning of seeds of the fourth kind."""

Shelf = Mapping[str, Sequence[PolicySet]]
"""The policies by which the plays of each kind may be played: of LIVE, CAPPED and SAID, and of an empty word."""


class StirredCrew(Crew):
    """Workers that may be interrupted between any two requests to ZooKeeper."""

    stir = 0.15


def play_seed(seed: str, shelf: Shelf, crew: Crew | None = None) -> Played:
    """Play what *seed* decides, by some policies of *shelf*.  Raises ValueError for what is no seed."""
    ground, script = written(seed, shelf)
    return play(ground, script, crew=crew or StirredCrew(), random=_random(seed))


def written(seed: str, shelf: Shelf) -> tuple[Ground, Script]:
    """Return the site and the script that *seed* decides."""
    if seed.startswith(LIVE):
        return live_seeds.written(_random(seed), shelf[LIVE])
    if seed.startswith(CAPPED):
        return capped_seeds.written(_random(seed), shelf[CAPPED])
    if seed.startswith(SAID):
        return said_seeds.written(_random(seed), shelf[SAID])
    return dead_seeds.written(_random(seed), shelf[""])


def _random(seed: str) -> Random:
    kind, dash, number = seed.rpartition("-")
    if f"{kind}{dash}" not in ("", LIVE, CAPPED, SAID):
        raise ValueError(f"{seed} is no seed: there are 17, {LIVE}17, {CAPPED}17 and {SAID}17")
    return Random(f"{kind}{dash}{int(number)}") if kind else Random(int(number))
