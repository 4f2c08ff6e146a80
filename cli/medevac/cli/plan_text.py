"""Plan text: one host's preview, for people and for machines; whatever the Plan value has is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from medevac.cli import prose
from medevac.cli.ground import as_written
from medevac.core.wire import to_plain
from medevac.flows.plan import PlannedServer
from medevac.flows.policy.language import HOST_DOWN, Disable, Policy, RestartService, host_steps
from medevac.flows.preview import Preview

_PLAIN_FIELDS = frozenset({"id", "name", "project_id", "policy", "vm_state", "locked", "allow", "allowed_by"})
"""What is known of every planned server, and told by its place in the text."""
_PLAN_FIELDS = frozenset({"host", "at", "baseline", "adopted", "since", "servers", "left"})
"""What every plan has, and is told in the text or of no use to people."""


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of one host."""

    seen: Preview
    failure: str
    agent: str
    """The fence agent; empty: the site file has none for it."""

    @property
    def troubled(self) -> bool:
        """Tell whether somebody should see to something before the host really fails."""
        return bool(self._why_held()) or any(not left.intended for left in self.seen.plan.left)

    def plain(self) -> dict[str, object]:
        """Return it as JSON."""
        seen = self.seen
        return {
            "host": seen.host,
            "zone": seen.service.zone,
            "recover": seen.decision.recover,
            "reason": seen.decision.reason,
            "held": self._why_held() or None,
            "fence_agent": self.agent or None,
            "reserved": self.seen.reserved or None,
            "order": [self._plain_tier(policy) for policy in seen.order],
            "plan": to_plain(seen.plan),
        }

    def text(self) -> str:
        """Return it for people."""
        seen = self.seen
        head = [prose.folded(f"{self.failure} of {seen.host}, zone {seen.service.zone or '(none)'}")]
        head.append(prose.folded(seen.decision.reason, 2, 0))
        if why := self._why_held():
            head.append(prose.folded(f"It would be HELD: {why}", 2, 0))
        steps = [*self._steps(), *self._beyond()] if seen.decision.recover else []
        parts = ["\n".join(head), *steps, *self._left()]
        return "\n\n".join(parts)

    def _why_held(self) -> str:
        if not self.seen.decision.recover or self.agent or self.failure != HOST_DOWN:
            return ""
        return (
            f"the site file has no fence device for {self.seen.host}, so nothing is evacuated until something else "
            "proves that it is off"
        )

    def _steps(self) -> list[str]:
        first = self._first()
        head = [f"{number}. {word:<10} {what}" for number, (word, what) in enumerate(first, start=1)]
        begin = len(first) + 1
        tiers = [self._tier(number, policy) for number, policy in enumerate(self.seen.order, start=begin)]
        return ["\n".join(head), *tiers, f"{len(tiers) + begin}. report"]

    def _first(self) -> list[tuple[str, str]]:
        """Return what is done before the flows of the policies: a word, and what it means here."""
        number = prose.count(len(self.seen.plan.servers), "server")
        if self.failure == HOST_DOWN:
            return [
                ("fence", f"{self.seen.host}, by {self.agent or 'nobody'}"),
                ("disable", "its nova-compute: forced down, and disabled"),
                ("plan", f"{number} to move"),
                *([("reserve", self.seen.reserved)] if self.seen.reserved else []),
            ]
        flows = [policy.when[self.failure] for policy in self.seen.order]
        services = dict.fromkeys(step.service.value for flow in flows for step in flow.every(RestartService))
        disabled = any(flow.every(Disable) for flow in flows)
        return [
            ("plan", f"{number} of a host that lives"),
            *([("disable", "it takes no new servers until it is well again")] if disabled else []),
            *(("restart_service", service) for service in services),
        ]

    def _tier(self, number: int, policy: Policy) -> str:
        servers = self.seen.plan.of(policy.name)
        deadline = f", within {policy.deadline}" if policy.deadline else ""
        head = f"{number}. {policy.name} [{policy.priority.value}{deadline}]: {prose.count(len(servers), 'server')}"
        shown = prose.names((_shown(server) for server in servers), 6)
        return "\n".join(
            [prose.folded(head), shown, prose.as_yaml(_of_servers(as_written(policy, self.failure), self._once()), 3)]
        )

    def _once(self) -> tuple[str, ...]:
        """Return the words of the steps that are done once for the host."""
        return tuple(step.word for step in host_steps(self.failure))

    def _plain_tier(self, policy: Policy) -> dict[str, object]:
        return {
            "policy": policy.name,
            "priority": policy.priority.value,
            "flow": as_written(policy, self.failure),
            "servers": [server.name for server in self.seen.plan.of(policy.name)],
        }

    def _beyond(self) -> list[str]:
        """Return whatever else the plan holds (who waits for whom, remarks), with the servers by their names."""
        names = {server.id: server.name for server in self.seen.servers}
        plain: dict[str, object] = to_plain(self.seen.plan)
        told = {key: _told(value, names) for key, value in plain.items() if key not in _PLAN_FIELDS}
        return [f"{key}\n{prose.as_yaml(value, 3)}" for key, value in told.items() if value]

    def _left(self) -> list[str]:
        grouped: dict[tuple[bool, str, str], list[str]] = {}
        for left in sorted(self.seen.plan.left, key=lambda left: left.intended):
            grouped.setdefault((left.intended, left.policy, left.reason), []).append(left.name)
        parts = []
        for (intended, policy, reason), names in grouped.items():
            mark = "left" if intended else "left, and NEEDS YOU"
            whose = f" (policy {policy})" if policy else ""
            head = prose.folded(f"{mark}{whose}: {reason}", 0, 2)
            parts.append(f"{head}\n{prose.names(names, 6)}")
        return parts


def _of_servers(flow: Any, once: tuple[str, ...]) -> Any:  # noqa: ANN401 - JSON
    """Return *flow* without the steps that are done *once* for the host, which stand above."""
    if isinstance(flow, Mapping):
        return {key: _of_servers(value, once) if key == "steps" else value for key, value in flow.items()}
    return [step for step in flow if (next(iter(step)) if isinstance(step, Mapping) else step) not in once]


def _told(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    """Return *value* with *names* for ids, and without what says nothing."""
    if isinstance(value, Mapping):
        return {key: said for key, item in value.items() if (said := _told(item, names))}
    if isinstance(value, list):
        return [_told(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


def _shown(server: PlannedServer) -> str:
    """Return the server's name, with whatever the plan says of it beyond the ordinary."""
    plain: Mapping[str, object] = to_plain(server)
    notes = [server.vm_state] if server.vm_state != "active" else []
    notes += ["locked"] * server.locked
    notes += [f"{key} {value}" for key, value in plain.items() if key not in _PLAIN_FIELDS and value]
    return f"{server.name} ({', '.join(notes)})" if notes else server.name
