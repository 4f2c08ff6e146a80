"""Seeds: plays that nobody has written: a site, failures and troubles that one number decides, always in the same way.

What a seed may do is what scripts can say, but for devices that lie (with one device to ask, nobody could tell) and for
hosts that operators force down themselves (docs/faults.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from medevac.flows.policy.duration import Duration
from medevac.flows.policy.language import PolicySet
from medevac.sandbox.cloud.model.settings import Settings as CloudSettings
from medevac.sandbox.cloud.model.site import FlavorSpec, HostSpec, ServerSpec, SiteSpec
from medevac.sandbox.scenarios.crew import Crew
from medevac.sandbox.scenarios.language import Act, Alert, Device, Disarmed, Fault, Marked, Mood, Script, Still, Trouble
from medevac.sandbox.scenarios.player import Played, play
from medevac.sandbox.scenarios.stage import BOOTS, Ground
from medevac.workers.site import Site

CALM = 900.0
"""Seconds after which nothing more goes wrong: devices obey, marks are taken back, a worker runs."""
LASTS = 4 * 3600.0
EARLY = 90.0
"""Troubles come within so many seconds of the beginning, or at a call that a worker makes."""
MOST_TROUBLES = 4

_CLUSTER = {"action": "off", "by": "fence-device", "client": "pacemaker-controld.1", "result": "OK"}


class StirredCrew(Crew):
    """Workers that may be interrupted between any two requests to ZooKeeper."""

    stir = 0.15


def play_seed(seed: int, policies: Sequence[PolicySet], crew: Crew | None = None) -> Played:
    """Play what *seed* decides, by one of *policies*."""
    ground, script = written(seed, policies)
    return play(ground, script, crew=crew or StirredCrew(), random=Random(seed))


def written(seed: int, policies: Sequence[PolicySet]) -> tuple[Ground, Script]:
    """Return the site and the script that *seed* decides."""
    return _Author(Random(seed), policies).write()


class _Author:
    """Writes one play."""

    def __init__(self, random: Random, policies: Sequence[PolicySet]) -> None:
        self._random = random
        self._hosts = [f"compute-{number}" for number in range(1, random.randint(4, 7))]
        self._servers = [self._server(number) for number in range(1, random.randint(3, 7))]
        self._policies = policies
        self._victims = random.sample(self._hosts, random.choice((1, 1, 1, 2)))

    def write(self) -> tuple[Ground, Script]:
        """Return both."""
        random = self._random
        spec = SiteSpec(
            hosts=tuple(HostSpec(name, "az1") for name in self._hosts),
            servers=tuple(self._servers),
            flavors=(FlavorSpec("m1.small"),),
        )
        site = Site(zookeeper="127.0.0.1:1/medevac", policies=Path(), shared_storage=("*",))
        cloud = CloudSettings(
            seed=random.getrandbits(16),
            evacuate_seconds=random.choice((1.0, 3.0, 20.0, 90.0)),
            boot_seconds=BOOTS,
        )
        ground = Ground(spec, site, random.choice(self._policies), cloud, workers=random.choice((1, 2, 2, 3)))
        acts = [act for victim in self._victims for act in self._failure(victim)]
        acts += [self._trouble() for _ in range(random.randint(0, MOST_TROUBLES))]
        return ground, Script(lasts=Duration(LASTS), calm=Duration(CALM), acts=(*acts, *self._calm()))

    def _server(self, number: int) -> ServerSpec:
        random = self._random
        return ServerSpec(
            name=f"web-{number}",
            host=random.choice(self._hosts[:2]),
            image="",
            vm_state=random.choice(("active", "active", "active", "stopped", "error", "paused")),
            metadata={"ha": "pet"} if random.random() < 0.3 else {},  # noqa: PLR2004 - some
            project=random.choice(("demo", "demo", "batch")),
            locked_reason=random.choice((None, None, None, "mine")),
        )

    def _failure(self, host: str) -> list[Act]:
        """Return how *host* fails, and how somebody notices."""
        at = Duration(self._random.uniform(1, 30))
        later = Duration(float(at) + self._random.uniform(1, 70))
        how = self._random.randrange(4)
        if how == 0:
            return [Act(at=at, fenced=(host,))]
        down = Alert(kind="host.down", host=host, copies=self._random.choice((1, 1, 3)))
        if how == 1:
            return [Act(at=at, host_cut=(host,)), Act(at=later, alert=(down,))]
        if how == 2:  # noqa: PLR2004 - the third of four ways
            return [Act(at=at, host_dies=(host,)), Act(at=later, alert=(down,))]
        told = Alert(kind="host.fenced", host=host, facts=_CLUSTER, copies=2)
        return [Act(at=at, host_dies=(host,)), Act(at=later, alert=(told, down))]

    def _trouble(self) -> Act:
        makers: list[Callable[[dict[str, object]], Act]] = [
            self._device, self._nova, self._zookeeper, self._death, self._stillness, self._operator, self._owner,
            self._return, self._room, self._orders,
        ]  # fmt: skip
        return self._random.choice(makers)(self._when())

    def _when(self) -> dict[str, object]:
        """Return when a trouble comes: at a time, or at a call that a worker makes."""
        random = self._random
        if random.random() < 0.4:  # noqa: PLR2004 - most come at a time
            return {"at": Duration(random.uniform(0, EARLY))}
        deed = random.choice(("take_out", "order", "evacuate", "evacuate", "evacuate", "put_back"))
        whom = random.choice(self._servers).name if deed == "evacuate" else random.choice(self._victims)
        return {random.choice(("before", "behind")): f"{deed} {whom}"}

    def _device(self, when: dict[str, object]) -> Act:
        moods = [mood for mood in Mood if mood is not Mood.LIE]
        device = Device(host=self._random.choice(self._victims), does=self._random.choice(moods))
        return _act(when, bmc=(device,))

    def _nova(self, when: dict[str, object]) -> Act:
        random = self._random
        if random.random() < 0.3:  # noqa: PLR2004 - a part of them
            refused = {host: random.randint(1, 2) for host in random.sample(self._hosts, 2)}
            forgets = random.random() < 0.3  # noqa: PLR2004 - as above
            return _act(when, evacuations_forgotten=1) if forgets else _act(when, claim_refused=refused)
        fault = Fault(
            does=random.choice(list(Trouble)),
            method=random.choice((".*", "POST", "PUT", "GET")),
            count=random.randint(1, 4),
            seconds=Duration(random.uniform(5, 120)),
        )
        return _act(when, nova=(fault,))

    def _zookeeper(self, when: dict[str, object]) -> Act:
        return _act(when, zookeeper_away=Duration(self._random.choice((1.0, 3.0, 20.0))))

    def _death(self, when: dict[str, object]) -> Act:
        return _act(when, killed=(self._random.choice(("busy", "busy", "leader", "all")),))

    def _stillness(self, when: dict[str, object]) -> Act:
        still = Still(who=self._random.choice(("busy", "all")), seconds=Duration(self._random.choice((2, 15, 60))))
        return _act(when, frozen=(still,))

    def _operator(self, when: dict[str, object]) -> Act:
        random, host = self._random, self._random.choice(self._victims)
        return random.choice(
            (
                _act(when, disarm=(Disarmed(scope="cloud", mode=random.choice(("freeze", "ignore"))),)),
                _act(when, disable=(Marked(host=host, reason="ask bob"),)),
                _act(when, maintenance=(host,)),
            )
        )

    def _orders(self, when: dict[str, object]) -> Act:
        incident = f"host.down:{self._random.choice(self._victims)}:1"
        return _act(when, **{self._random.choice(("hold", "abort", "release")): (incident,)})

    def _owner(self, when: dict[str, object]) -> Act:
        verb = self._random.choice(("delete", "stop", "start", "lock"))
        return _act(when, **{verb: (self._random.choice(self._servers).name,)})

    def _return(self, when: dict[str, object]) -> Act:
        host = self._random.choice(self._victims)
        return _act(when, host_mended=(host,), host_starts=(host,), alert=(Alert(kind="host.member", host=host),))

    def _room(self, when: dict[str, object]) -> Act:
        return _act(when, no_room=(self._random.choice(self._servers).name,))

    def _calm(self) -> list[Act]:
        """Return the end of all troubles."""
        incidents = tuple(f"host.down:{victim}:1" for victim in self._victims)
        obeying = tuple(Device(host=host, does=Mood.OBEY) for host in self._victims)
        names = tuple(server.name for server in self._servers)
        return [
            Act(at=Duration(CALM), bmc=obeying, arm=("cloud",), room=names, started=1),
            Act(at=Duration(CALM + 60), release=incidents),
        ]


def _act(when: dict[str, object], **what: object) -> Act:
    return Act(**when, **what)  # type: ignore[arg-type]  # the names of fields, with values of their types
