"""MemoryLogbook: the Logbook port in memory, for unit tests and for trying policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medevac.core.errors import ClaimLostError
from medevac.core.evidence import FenceEvidence
from medevac.core.journal import JournalEntry


class MemoryLogbook:
    """Implements Logbook in memory."""

    def __init__(self) -> None:
        """Own the claim."""
        self.owned = True  # set to False by tests to lose the claim
        self.entries: list[JournalEntry] = []
        self.state: str | None = None
        self.reason = ""
        self.report: Mapping[str, object] = {}
        self.intended: dict[str, list[float]] = {}  # set by tests; see Logbook.intentions
        self.others: dict[str, str] = {}  # set by tests; see Logbook.state_of
        self.held_by = ""
        self._reports: dict[str, Mapping[str, object]] = {}
        self.again_at = 0.0
        self._evidence: FenceEvidence | None = None

    def assert_owned(self) -> None:
        """Raise ClaimLostError when the claim is lost."""
        if not self.owned:
            raise ClaimLostError

    def heed(self) -> None:
        """Go on: there are no operators."""

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Add *entries*."""
        self.assert_owned()
        self.entries.extend(entries)

    def attempt(self) -> int:
        """Return the first."""
        return 1

    def intentions(self) -> Mapping[str, Sequence[float]]:
        """Return what earlier owners intended."""
        return self.intended

    def add_evidence(self, evidence: FenceEvidence) -> None:
        """Keep *evidence*."""
        self.assert_owned()
        self._evidence = evidence

    def drop_evidence(self, evidence: FenceEvidence) -> None:
        """Forget *evidence*; other that has come since stays."""
        self.assert_owned()
        if self._evidence == evidence:
            self._evidence = None

    def evidence(self) -> FenceEvidence | None:
        """Return the evidence that is kept."""
        return self._evidence

    def state_of(self, incident: str) -> str:
        """Return the state of another incident."""
        return self.others.get(incident, "")

    def report_of(self, incident: str) -> Mapping[str, Any]:
        """Return the newest report of *incident* that this logbook has been given."""
        return self.report if self.report.get("incident") == incident else self._reports.get(incident, {})

    def finish(
        self, state: str, reason: str, report: Mapping[str, object], *, held_by: str = "", again_at: float = 0.0
    ) -> None:
        """Keep the outcome."""
        self.assert_owned()
        self.state, self.reason, self.report = state, reason, report
        self.held_by, self.again_at = held_by, again_at
        self._reports[str(report.get("incident", ""))] = report
