"""Checks of steps against what the site file lets workers reach: live hosts, and who knows of crash dumps."""

from __future__ import annotations

from collections.abc import Sequence

from medevac.flows.policy.actions import Fence, Step
from medevac.flows.policy.deeds import Kill, Reset, RestartService, Resume, WaitFor

HYPERVISOR_HINT = "add 'hypervisor: {uri: ...}' there (docs/live-hosts.md)"


def out_of_reach(
    step: Step, file: str, *, hypervisor: bool, services: Sequence[str], dumps: bool
) -> tuple[str, str] | None:
    """Return why *step* must fail on the site of *file*, and what to write there; None: it can work.

    *hypervisor* tells whether workers reach libvirt, *services* which services the cluster starts again, *dumps*
    whether anybody knows that a host writes its crash dump.
    """
    if isinstance(step, Fence) and step.while_dumping is not None and not dumps:
        message = f"'while_dumping' changes nothing: no ladder of {file} has a rung 'kdump'"
        return message, "add '- kdump: ...' there (docs/fencing.md)"
    if isinstance(step, RestartService) and step.service.value not in services:
        service = step.service.value
        message = f"'{step.word}' fails: {file} names no resource that is {service}"
        return message, f"add 'services: {{{service}: ...}}' there (docs/live-hosts.md)"
    if hypervisor:
        return None
    if isinstance(step, Kill | Resume | Reset):
        return f"'{step.word}' fails: {file} does not say how hypervisors are reached", HYPERVISOR_HINT
    if isinstance(step, WaitFor) and step.guest is not None:
        message = f"'{step.word}' waits in vain for guests: {file} does not say how hypervisors are reached"
        return message, HYPERVISOR_HINT
    return None
