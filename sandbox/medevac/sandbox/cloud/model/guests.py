"""Guests: what the hypervisor of each host has, whatever Nova believes, and what happens to guests without Nova.

Only here the ledger learns of runs, so that a domain that is killed has ended there too.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from medevac.sandbox.cloud.model import power_sync
from medevac.sandbox.cloud.model.errors import not_found
from medevac.sandbox.cloud.model.world import World

RUNNING = "running"
PAUSED = "paused"
OFF = "off"

KILLED = "killed through the hypervisor"


@dataclass(slots=True)
class Guest:
    """One domain of one hypervisor."""

    server_id: str
    host: str
    state: str = OFF
    reason: str = "unknown"
    """libvirt's word: booted, user, ioerror, watchdog, crashed, panicked, shutdown, destroyed, unknown ..."""
    autostart: bool = False
    """True: the host starts it when it boots, without asking Nova (which never sets this)."""
    has_agent: bool = True
    silent: bool = False
    """True: its agent does not answer."""
    proven_off: bool = False
    """True: it was killed, or seen off, through the hypervisor, and has not been started since."""
    worked: float = 0.0
    """Seconds for which it has done work, up to `working_since`."""
    working_since: float | None = None
    """None: it stands still."""

    def work(self, now: float) -> float:
        """Return for how many seconds it has done work since it was started."""
        return self.worked + (0.0 if self.working_since is None else now - self.working_since)

    def stand_still(self, now: float) -> None:
        """Do no more work."""
        self.worked, self.working_since = self.work(now), None


def find(world: World, host: str, server_id: str) -> Guest | None:
    """Return the guest of a server on *host*, running or not."""
    return world.guests.get(host, {}).get(server_id)


def define(world: World, server_id: str, host: str) -> Guest:
    """Return the guest of a server on *host*, which is made (off) when there is none."""
    here = world.guests.setdefault(host, {})
    if server_id not in here:
        # Whether there is an agent is a matter of what is on its disk, which goes with it.
        copies = [guests[server_id] for guests in world.guests.values() if server_id in guests]
        here[server_id] = Guest(server_id, host, has_agent=all(copy.has_agent for copy in copies))
    return here[server_id]


def start(world: World, server_id: str, host: str, why: str) -> None:
    """Start the guest of a server on *host*; a no-op when it runs."""
    guest = define(world, server_id, host)
    world.ledger.start(world.now, server_id, host, why)
    if guest.state == OFF:
        guest.state, guest.reason = RUNNING, "booted"
        guest.silent = guest.proven_off = False
        guest.worked, guest.working_since = 0.0, world.now


def end(world: World, server_id: str, host: str, why: str, reason: str = "destroyed") -> bool:
    """End the guest on *host*, which stays defined; *reason* is libvirt's word.  Tell whether there was one."""
    guest = find(world, host, server_id)
    if guest is not None and guest.state != OFF:
        guest.stand_still(world.now)
        guest.state, guest.reason = OFF, reason
    return world.ledger.end(world.now, server_id, host, why)


def forget(world: World, server_id: str, host: str, why: str) -> None:
    """End the guest on *host* and undefine its domain, as Nova does with what is not the host's any more."""
    end(world, server_id, host, why)
    world.guests.get(host, {}).pop(server_id, None)


def end_all(world: World, host: str, why: str) -> None:
    """End every guest of *host*: the hypervisor has forgotten why when it is asked again."""
    for server_id in world.ledger.on_host(host):
        end(world, server_id, host, why, "unknown")


def move(world: World, server_id: str, source: str, destination: str, why: str) -> None:
    """Let a guest go on elsewhere, in the state in which it is: the copy at the source ends as the other begins."""
    old = define(world, server_id, source)
    paused, worked, works = old.state == PAUSED, old.work(world.now), old.working_since is not None
    forget(world, server_id, source, why)
    start(world, server_id, destination, why)
    new = define(world, server_id, destination)
    new.state, new.reason = (PAUSED, "user") if paused else (RUNNING, "migrated")
    new.has_agent, new.silent = old.has_agent, old.silent
    new.worked, new.working_since = worked, world.now if works else None


def start_by_itself(world: World, host: str) -> None:
    """Start what the hypervisor starts when the host boots."""
    for guest in list(world.guests.get(host, {}).values()):
        if guest.autostart:
            start(world, guest.server_id, host, "started by the hypervisor when the host booted")


def crash(world: World, server_id: str, reason: str = "crashed") -> None:
    """Let the guest's process die: Nova finds out after lifecycle_seconds, if its service on the host works."""
    guest = running(world, server_id)
    end(world, server_id, guest.host, f"the guest {reason}", reason)
    _tell_nova(world, guest)


def shut_down(world: World, server_id: str) -> None:
    """Let the guest shut itself down, as its user told it to from inside: nobody's failure."""
    guest = running(world, server_id)
    world.server(server_id).should_run = False
    end(world, server_id, guest.host, "the guest shut itself down", "shutdown")
    _tell_nova(world, guest)


def hang(world: World, server_id: str, *, busy: bool = False) -> None:
    """Let the guest hang: its agent falls silent, and it does no work; *busy*: its disks and network go on moving."""
    guest = running(world, server_id)
    guest.silent = True
    if not busy:
        guest.stand_still(world.now)


def wake(world: World, server_id: str) -> None:
    """Let a guest that hangs go on."""
    guest = running(world, server_id)
    guest.silent = False
    guest.working_since = guest.working_since or world.now


def pause(world: World, server_id: str, reason: str = "ioerror") -> None:
    """Let the hypervisor pause the guest, on an I/O error or by its watchdog; Nova notes it and does nothing."""
    guest = running(world, server_id)
    guest.stand_still(world.now)
    guest.state, guest.reason = PAUSED, reason
    power_sync.note_state(world, server_id, guest.host)


def resume(world: World, guest: Guest) -> None:
    """Let a paused guest run on; with the disk still broken it is paused again at once."""
    if guest.state == PAUSED and not (guest.reason == "ioerror" and guest.host in world.broken_storage):
        guest.state, guest.reason, guest.working_since = RUNNING, "unpaused", world.now
        power_sync.note_state(world, guest.server_id, guest.host)


def let_autostart(world: World, server_id: str) -> None:
    """Let the host start the guest when it boots, as somebody told its hypervisor behind Nova's back."""
    running(world, server_id).autostart = True


def take_agent(world: World, server_id: str) -> None:
    """Let the guest have no agent."""
    running(world, server_id).has_agent = False


def kill(world: World, guest: Guest) -> None:
    """Destroy the guest through its hypervisor and keep it from starting by itself."""
    ended = end(world, guest.server_id, guest.host, KILLED)
    guest.autostart, guest.proven_off = False, True
    if ended:
        _tell_nova(world, guest)


def running(world: World, server_id: str) -> Guest:
    """Return the one guest of a server that runs or is paused; raise a 404 when there is none."""
    for host in world.ledger.hosts_of(server_id):
        return define(world, server_id, host)
    raise not_found(f"server {server_id} runs nowhere")


def _tell_nova(world: World, guest: Guest) -> None:
    """Let the service on the host hear that a guest stopped; one that does not hear finds it at its next sweep."""
    if world.hosts[guest.host].acts:
        wait = world.settings.lifecycle_seconds
        world.after(wait, functools.partial(power_sync.note_stop, world, guest.server_id, guest.host))
