"""Seeds: plays that nobody has written: a site, failures and troubles that one number decides, always in the same way.

"1021" is a play of dead_seeds.py, in which hosts die.  The other kinds have words before their numbers, and modules of
their own: KINDS has them.  What each may do is what scripts can say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

from medevac.flows.policy.language import PolicySet
from medevac.sandbox.scenarios import back_seeds, capped_seeds, dead_seeds, live_seeds, said_seeds, storm_seeds
from medevac.sandbox.scenarios.crew import Crew
from medevac.sandbox.scenarios.language import Script
from medevac.sandbox.scenarios.player import Played, play
from medevac.sandbox.scenarios.stage import Ground

DEAD = ""
"""Hosts die: what stands before the number of such a seed, which is nothing."""
LIVE = "live-"
"""Hosts live and lack something, and servers fail."""
CAPPED = "capped-"
"""Several hosts die on a site that wants little at once."""
SAID = "said-"
"""People say of hosts that they are off."""
STORM = "storm-"
"""Many hosts die, and what the site wants is slow."""
BACK = "back-"
"""Hosts come back, and their servers shall go back to them."""

Shelf = Mapping[str, Sequence[PolicySet]]
"""The policies by which the plays of each kind may be played."""
Author = Callable[[Random, Sequence[PolicySet]], tuple[Ground, Script]]
KINDS: Mapping[str, Author] = {
    DEAD: dead_seeds.written,
    LIVE: live_seeds.written,
    CAPPED: capped_seeds.written,
    SAID: said_seeds.written,
    STORM: storm_seeds.written,
    BACK: back_seeds.written,
}


class StirredCrew(Crew):
    """Workers that may be interrupted between any two requests to ZooKeeper."""

    stir = 0.15


def play_seed(seed: str, shelf: Shelf, crew: Crew | None = None) -> Played:
    """Play what *seed* decides, by some policies of *shelf*.  Raises ValueError for what is no seed."""
    ground, script = written(seed, shelf)
    return play(ground, script, crew=crew or StirredCrew(), random=_random(seed))


def written(seed: str, shelf: Shelf) -> tuple[Ground, Script]:
    """Return the site and the script that *seed* decides."""
    kind = _kind(seed)
    return KINDS[kind](_random(seed), shelf[kind])


def _kind(seed: str) -> str:
    kind = "".join(seed.rpartition("-")[:2])
    if kind not in KINDS:
        raise ValueError(f"{seed} is no seed: there are {', '.join(f'{each}17' for each in KINDS)}")
    return kind


def _random(seed: str) -> Random:
    kind = _kind(seed)
    number = int(seed.removeprefix(kind))
    return Random(f"{kind}{number}") if kind else Random(number)
