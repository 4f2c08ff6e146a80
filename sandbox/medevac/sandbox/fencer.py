"""FakeFencer: the Fencer port on the simulated BMCs, with as many ways to a host's power as a test wants."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.core.errors import FencingError
from medevac.core.evidence import FenceEvidence
from medevac.flows.rung import Answer, Case, Rung
from medevac.sandbox.power.bmc import BMC, Bmc, BmcError, BmcHangError, BmcUnreachableError


class FakeFencer:
    """Implements Fencer; a device that hangs is a device that was given up on."""

    def __init__(self, bmc: Bmc, rungs: Sequence[Rung] = (Rung(BMC),)) -> None:
        """Fence through the devices of *bmc* that *rungs* name: bmc, or another word such as pdu."""
        self.bmc = bmc
        self.rungs = tuple(rungs)

    def ladder(self, host: str) -> tuple[Rung, ...]:
        """Return the rungs, for hosts that there are."""
        return self.rungs if host in self.bmc.plugs() else ()

    def look(self, case: Case, rung: Rung) -> Answer:
        """Read the power state through one device."""
        return Answer(self._look(case.host, rung))

    def order(self, case: Case, rung: Rung) -> None:
        """Order the power off through one device."""
        self._command(case.host, "off", rung)

    def _look(self, host: str, rung: Rung) -> FenceEvidence | None:
        if self._command(host, "status", rung) != "off":
            return None
        source = "agent:fake" if rung.name == BMC else f"agent:{rung.name}"
        return FenceEvidence(host, self.bmc.world.now, source, "already-off", "Status: OFF")

    def _command(self, host: str, action: str, rung: Rung) -> str:
        with self.bmc.world.settled():
            try:
                return self.bmc.command(host, action, via=rung.name)
            except BmcError as error:
                raise FencingError(f"the fence device refused to {action} {host}: {error}") from None
            except (BmcHangError, BmcUnreachableError):
                raise FencingError(f"the fence device did not answer when asked to {action} {host}") from None
