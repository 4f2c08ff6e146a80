"""Undo: give a host back that no policy wants out of service any more, because all of them undid what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medevac.flows.brief import Brief
from medevac.flows.ports import Ports
from medevac.flows.steps.base import Step
from medevac.flows.steps.disable import Disable


class GiveBack(Step):
    """Revert `disable` where every policy that moves servers has undone its flow."""

    def __init__(self, brief: Brief, policies: Sequence[str]) -> None:
        """Look at the remarks of all *policies* that have servers here."""
        kept = [f"{what}:{policy}" for policy in policies for what in ("outcomes", "remarks")]
        super().__init__("give-back", brief, requires=["service", *kept])
        self._policies = tuple(policies)

    def execute(self, *, ports: Ports, service: Any, **results: Any) -> None:  # noqa: ANN401 - JSON
        """Put the service back; Disable itself refuses while evacuated servers wait for the host's clean-up."""
        remarks = [results[f"remarks:{policy}"] for policy in self._policies if results[f"outcomes:{policy}"]]
        if remarks and all(any(": undone after " in remark for remark in of) for of in remarks):
            Disable(self.brief).revert(ports=ports, service=service)
