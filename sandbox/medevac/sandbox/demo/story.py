"""The story: a host dies, Pacemaker's nodes cry out, its servers come back, and a conductor is killed on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from medevac.core import layout
from medevac.core.journal import JournalEntry
from medevac.flows.policy.reader import read_policies
from medevac.sandbox.cloud.model.settings import Settings
from medevac.sandbox.demo import alerts, scene
from medevac.sandbox.demo.cast import Cast, draw
from medevac.sandbox.demo.facts import Facts, Record, Run, Takeover
from medevac.sandbox.demo.interruption import Interruption
from medevac.sandbox.demo.narrate import Line, narrate
from medevac.sandbox.demo.observe import Observer, ServerSeen, Snapshot
from medevac.sandbox.demo.promises import with_promises
from medevac.sandbox.demo.scene import Scene
from medevac.sandbox.demo.view import View
from medevac.sandbox.site import Plan, SandboxSite

TICK = 0.2
"""Seconds between two looks."""
OPENING_DEADLINE = 60.0
"""Seconds within which the alerts must have become an incident (1 s on an idle 2-core machine)."""
DEADLINE = 120.0
"""Seconds after which a recovery counts as stuck (10 s on an idle 2-core machine, with a conductor killed)."""
SETTLE = 30.0
"""Seconds granted to triage for the last copies of the alerts."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the story is varied."""

    hosts: int = 5
    servers: int = 40
    seed: int = 1
    kill: bool = True
    """Whether the busy conductor is killed half-way."""
    fencing: str = "medevac"
    """Who fences: medevac (Pacemaker's own fencing fails), or pacemaker."""
    bmc: str = "obey"
    """How the power controller of the dying host behaves: obey, lie, refuse."""
    evacuate_seconds: float = 2.0
    session_timeout: float = 4.0
    """Seconds of silence after which the other conductor takes over."""
    policies: Path | None = None
    """A directory of policies; None: the three of the demo."""

    def settings(self) -> Settings:
        """Return the knobs of the simulated cloud."""
        return Settings(seed=self.seed, evacuate_seconds=self.evacuate_seconds)

    def plan(self, cast: Cast) -> Plan:
        """Return what the site is made of."""
        return Plan(
            cloud=cast.spec, settings=self.settings(), session_timeout=self.session_timeout, policies=self.policies
        )

    def cast(self) -> Cast:
        """Return who takes part.  Raises ProblemsError for policies with errors, NothingPromisedError for idle ones."""
        drawn = draw(self.hosts, self.servers, self.seed)
        return drawn if self.policies is None else with_promises(drawn, read_policies(self.policies))


class Story:
    """One performance on one site."""

    def __init__(self, options: Options, cast: Cast, view: View, interruption: Interruption) -> None:
        """Tell it through *view*; *interruption* ends it early."""
        self.options = options
        self.cast = cast
        self._view = view
        self._interruption = interruption
        self._own: list[Line] = []
        self._started = time.time()
        self._struck_at: float | None = None
        self._before: Sequence[ServerSeen] = ()
        self._takeover: Takeover | None = None
        self._timed_out = ""
        self._journal: Sequence[JournalEntry] = ()
        self._aliases: dict[str, str] = {}
        self._shown = Scene(self._started, 0.0, "Building a site", (), (), {}, ())

    def say(self, text: str) -> None:
        """Add a line of our own to the story, and show it."""
        self._own.append(Line(time.time(), "demo", text))
        self._refresh()

    def breathe(self) -> None:
        """Show that time goes by; call it while waiting.  Raises KeyboardInterrupt when we have been asked to end."""
        self._interruption.check()
        if time.time() - self._shown.at >= TICK:
            self._refresh()

    def _refresh(self) -> None:
        """Show the last scene again, with the present time and story."""
        self._show(replace(self._shown, at=time.time(), lines=self.lines()))

    def _show(self, shown: Scene) -> None:
        start = self._struck_at or self._started
        self._shown = replace(shown, elapsed=shown.at - start)
        self._view.show(self._shown)

    def tell(self, site: SandboxSite) -> Facts:
        """Let it happen on *site*, which is up, and return what was seen."""
        observer = Observer(site)
        self._before = observer.look().servers
        self._strike(site, observer)
        self._cry_out(site)
        snapshot = self._follow(site, observer)
        http, zookeeper = sum(site.cloud.requests().values()), observer.zookeeper_requests()
        self._let_triage_finish(observer)
        snapshot = observer.look()
        self._show(self._scene(site, snapshot))
        return self._facts(site, observer, snapshot, http, zookeeper)

    def lines(self) -> list[Line]:
        """Return the whole story so far, in order of time; workers are called by their names on this stage."""
        told = [replace(line, text=self._with_aliases(line.text)) for line in narrate(self._journal)]
        return sorted([*self._own, *told], key=lambda line: line.at)

    def _with_aliases(self, text: str) -> str:
        for name, alias in self._aliases.items():
            text = text.replace(name, alias)
        return text

    # -- what happens

    def _strike(self, site: SandboxSite, observer: Observer) -> None:
        victim, pacemaker = self.cast.victim, self.options.fencing == "pacemaker"
        if self.options.bmc != "obey":
            site.cloud.bmc(victim, self.options.bmc)
        site.cloud.reset_requests()
        observer.restart_count()
        self._struck_at = time.time()
        site.cloud.host("cut-network", victim)
        guests = sum(victim in server.runs_on for server in self._before)
        self.say(f"{victim} loses its network; its {guests} guests run on")
        if pacemaker:
            site.cloud.host("power-off", victim)
            self.say(f"Pacemaker fences {victim}: it is off")
        else:
            self.say(f"Pacemaker tries to fence {victim}, and fails")

    def _cry_out(self, site: SandboxSite) -> None:
        nodes = f"{len(alerts.NODES)} cluster nodes"
        self.say(f"{nodes} send {alerts.COPIES} alerts: node lost, fencing {self._fencing_word()}")
        alerts.send(site.folder / "pacemaker", site.hosts, self.cast.victim, fenced=self.options.fencing == "pacemaker")

    def _fencing_word(self) -> str:
        return "done" if self.options.fencing == "pacemaker" else "failed"

    def _follow(self, site: SandboxSite, observer: Observer) -> Snapshot:
        started = time.monotonic()
        while True:
            snapshot = observer.look()
            if self._is_time_to_kill(snapshot):
                self._kill(site, snapshot)
            self._show(self._scene(site, snapshot))
            if snapshot.over:
                return snapshot
            self._timed_out = _overdue(snapshot, time.monotonic() - started)
            if self._timed_out:
                return snapshot
            self._interruption.sleep(TICK)

    def _is_time_to_kill(self, snapshot: Snapshot) -> bool:
        """Tell whether half of the servers are back, others are on their way, and somebody is in charge of that."""
        if not self.options.kill or self._takeover is not None or not snapshot.owner:
            return False
        promised = self._promised(snapshot)
        half_way = 2 * sum(scene.is_back(self.cast, server) for server in promised) >= len(promised)
        return half_way and any(scene.is_moving(server) for server in promised)

    def _kill(self, site: SandboxSite, snapshot: Snapshot) -> None:
        child = site.worker_of(snapshot.owner)
        if child is None or not child.alive:
            return
        at = time.time()
        child.kill()
        self._takeover = Takeover(snapshot.owner, at)
        wait = f"{self.options.session_timeout:g} s"
        self.say(f"kill -9 {child.name}; its claim lapses after {wait}")

    def _let_triage_finish(self, observer: Observer) -> None:
        until = time.monotonic() + SETTLE
        while observer.children(layout.EVENTS) and time.monotonic() < until:
            self._interruption.sleep(TICK / 2)

    # -- what is shown and kept

    @property
    def _struck_ids(self) -> frozenset[str]:
        return frozenset(server.id for server in self._before if server.host == self.cast.victim)

    def _scene(self, site: SandboxSite, snapshot: Snapshot) -> Scene:
        now = time.time()
        self._journal = snapshot.journal
        for actor in {entry.actor for entry in snapshot.journal} - self._aliases.keys():
            child = site.worker_of(actor)
            self._aliases[actor] = child.name if child else actor
        return Scene(
            at=now,
            elapsed=0.0,
            headline=self._headline(snapshot),
            hosts=scene.hosts_drawn(self.cast, snapshot),
            steps=scene.steps_drawn(self.cast, self._struck_ids, snapshot),
            workers=self._workers(site, snapshot),
            lines=self.lines(),
        )

    def _headline(self, snapshot: Snapshot) -> str:
        victim = self.cast.victim
        if snapshot.incident is None:
            return f"{victim} is cut off"
        promised = self._promised(snapshot)
        back = sum(scene.is_back(self.cast, server) for server in promised)
        return f"{victim} is lost: {back} of its {len(promised)} servers are back"

    def _promised(self, snapshot: Snapshot) -> list[ServerSeen]:
        """Return the servers of the dead host that some policy brings back, as they are."""
        struck = [server for server in snapshot.servers if server.id in self._struck_ids]
        return [server for server in struck if self.cast.comes_back(server.name)]

    def _workers(self, site: SandboxSite, snapshot: Snapshot) -> dict[str, str]:
        doing = {child.name: "up" for child in site.triages}
        for child in site.conductors:
            busy = site.worker_of(snapshot.owner) is child if snapshot.owner else False
            doing[child.name] = "KILLED" if not child.alive else "works" if busy else "waits"
        return doing

    def _facts(
        self, site: SandboxSite, observer: Observer, snapshot: Snapshot, http_requests: int, zookeeper_requests: int
    ) -> Facts:
        incident = [snapshot.incident] if snapshot.incident else []
        others = len(observer.children(layout.INCIDENTS)) - len(incident)
        cloud = site.cloud
        return Facts(
            cast=self.cast,
            medevac_fences=self.options.fencing == "medevac",
            struck_at=self._struck_at or self._started,
            alerts=alerts.COPIES,
            kill_wanted=self.options.kill,
            takeover=self._takeover,
            timed_out=self._timed_out or (f"{others} more incidents were opened" if others else ""),
            before=self._before,
            after=snapshot.servers,
            hosts=snapshot.hosts,
            runs=[Run(row["server_id"], row["host"], row["started_at"], row["ended_at"]) for row in cloud.ledger()],
            records=[_record(row) for row in cloud.migrations()],
            objections=cloud.violations(),
            power=cloud.power_commands(),
            incidents=incident,
            journal=snapshot.journal,
            handled=observer.handled(),
            waiting=observer.children(layout.EVENTS),
            on_board=[job.name for job in snapshot.jobs],
            parked=observer.children(layout.PARKED),
            http_requests=http_requests,
            zookeeper_requests=zookeeper_requests,
            complaints=site.complaints(),
        )


def _overdue(snapshot: Snapshot, elapsed: float) -> str:
    """Return why there is nothing more to wait for, or nothing."""
    if snapshot.incident is None and elapsed > OPENING_DEADLINE:
        return f"the alerts became no incident within {OPENING_DEADLINE:.0f} s"
    return f"the recovery was not over within {DEADLINE:.0f} s" if elapsed > DEADLINE else ""


def _record(row: dict[str, object]) -> Record:
    created = float(str(row["created_at"]))
    return Record(
        id=int(str(row["id"])),
        server_id=str(row["server_id"]),
        status=str(row["status"]),
        created_at=created,
        changed_at=created if row["updated_at"] is None else float(str(row["updated_at"])),
        destination=str(row["destination"] or ""),
    )
