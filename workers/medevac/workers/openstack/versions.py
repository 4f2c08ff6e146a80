"""Which microversions we speak with this Nova."""

from __future__ import annotations

from dataclasses import dataclass

from medevac.core.errors import RefusedError

Version = tuple[int, int]

FLOOR: Version = (2, 53)
"""Services are named by uuid, and one PUT takes forced_down, status and reason together."""
PAGED_MIGRATIONS: Version = (2, 59)
"""GET /os-migrations takes changes-since, limit and marker."""
DOWN_CELLS: Version = (2, 69)
"""Services of a down cell are listed as UNKNOWN instead of being left out."""
CEILING: Version = (2, 96)
"""The newest whose answers we have read; a newer Nova still speaks it."""
EVACUATE_CEILING: Version = (2, 94)
"""From 2.95 an evacuated server is left stopped: at most this one brings a running server back running."""

HOLD: Version = (2, 95)
"""An evacuated server that was not in ERROR is left stopped: wanted where the order of starts matters."""


@dataclass(frozen=True, slots=True)
class Versions:
    """What was agreed with one Nova."""

    reads: Version
    acts: Version
    """For evacuate and every other action."""
    holds: Version | None = None
    """For an evacuation that leaves the server shut off; None where Nova or the library cannot."""

    @property
    def pages_migrations(self) -> bool:
        """Tell whether migrations can be asked for by time of change."""
        return self.reads >= PAGED_MIGRATIONS

    @property
    def shows_down_cells(self) -> bool:
        """Tell whether a host of a down cell is listed as such."""
        return self.reads >= DOWN_CELLS


def agree(lowest: Version, highest: Version, client: Version = CEILING) -> Versions:
    """Return what to speak with a Nova that offers *lowest* to *highest*, through a library that knows *client*.

    Raises RefusedError when there is nothing at or above our floor.
    """
    reads = min(highest, client, CEILING)
    if reads < FLOOR or lowest > EVACUATE_CEILING:
        message = (
            f"this Nova speaks microversions {text(lowest)} to {text(highest)}, and medevac needs one from "
            f"{text(FLOOR)} (Pike) to {text(EVACUATE_CEILING)}: upgrade the older of the two"
        )
        raise RefusedError(message)
    return Versions(reads=reads, acts=min(reads, EVACUATE_CEILING), holds=HOLD if reads >= HOLD else None)


def text(version: Version) -> str:
    """Return *version* as Nova writes it."""
    return f"{version[0]}.{version[1]}"
