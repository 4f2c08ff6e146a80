"""Bookings: the servers that recoveries are about to ask the cloud for, so that no two take the same place.

Evacuations under way are counted in the cloud, and a call that is yet to be made is not there.  Whoever wants to ask
looks who else is about to, counts, and books; a booking is refused where anybody has booked since that look.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol


class Bookings(Protocol):
    """What one recovery, or one step of it, knows of those of all workers."""

    def for_step(self, name: str) -> Bookings:
        """Return those of one step: on hosts that live, evacuations of several policies run side by side."""

    def of_others(self) -> Collection[str]:
        """Return the ids of the servers that other recoveries are about to ask for.  Count in the cloud after this."""

    def book(self, server_ids: Sequence[str]) -> bool:
        """Say that these are about to be asked for; False: not booked, since others have booked.  Look again then."""

    def clear(self) -> None:
        """Say that those who were booked have been asked for."""


class NoBookings:
    """The Bookings of a recovery that has the cloud for itself."""

    def for_step(self, name: str) -> NoBookings:
        """Return itself."""
        del name
        return self

    def of_others(self) -> Collection[str]:
        """Return nobody."""
        return ()

    def book(self, server_ids: Sequence[str]) -> bool:
        """Return True."""
        del server_ids
        return True

    def clear(self) -> None:
        """Do nothing."""
