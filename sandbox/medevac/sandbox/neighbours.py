"""A fake of the Neighbours port: what workers of one process tell each other."""

from __future__ import annotations

from collections.abc import Mapping

from medevac.flows.bulletin import Bulletin


class Street:
    """Where what each worker has told stands."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.told: dict[str, Bulletin] = {}


class FakeNeighbours:
    """Implements Neighbours for the worker of one *name*."""

    def __init__(self, street: Street, name: str) -> None:
        """Tell those who share *street*."""
        self._street = street
        self._name = name

    def meet(self) -> None:
        """Know at once who is there."""

    def tell(self, bulletin: Bulletin) -> None:
        """Let the others know."""
        self._street.told[self._name] = bulletin

    def others(self) -> Mapping[str, Bulletin]:
        """Return what the others last told."""
        return {name: bulletin for name, bulletin in self._street.told.items() if name != self._name}
