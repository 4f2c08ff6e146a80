"""Survey and disable: take the host out of service in one call, and know how to undo just that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from medevac.core.errors import CloudError, CloudUnavailableError, NotFoundError
from medevac.core.wire import from_plain, to_plain
from medevac.flows.brief import Brief
from medevac.flows.policy.words import HOST_DOWN
from medevac.flows.ports import HostService, Ports
from medevac.flows.returning import FORCED, forced_words, taken_out_by
from medevac.flows.steps.base import Step


class Survey(Step):
    """Store how the compute service stands before we touch it."""

    def __init__(self, brief: Brief) -> None:
        """Provide "service"."""
        super().__init__("survey", brief, provides="service")

    def execute(self, *, ports: Ports, **_: object) -> Any:  # noqa: ANN401 - JSON
        """Return the service as it is now; raise NotFoundError when Nova knows no such host."""
        service = self.patiently(ports, lambda: ports.cloud.host_service(self.brief.host))
        if service is None:
            message = f"Nova knows no compute service on {self.brief.host}"
            raise NotFoundError(message)
        return to_plain(service)


class Disable(Step):
    """Force the service down and disable it; the revert gives back only what we took."""

    def __init__(self, brief: Brief) -> None:
        """Require "service" and "evidence"."""
        super().__init__("disable", brief, provides="disabled", requires=["service", "evidence"])

    def execute(self, *, ports: Ports, service: Any, evidence: Any, **_: object) -> bool:  # noqa: ANN401 - JSON
        """Take the host out of service; safe to repeat."""
        del evidence  # required so that TaskFlow can never run this step without it
        original = from_plain(HostService, service, "result of survey")
        ours = "" if self.brief.failure == HOST_DOWN else FORCED
        reason = f"{self.brief.mark}: {self.brief.failure}{forced_words(original, ours)}"
        taken = self.patiently(ports, lambda: self._take_out(ports, original, reason))
        kept = f"; it stays disabled for somebody else's reason ({taken.disabled_reason or 'none was given'})"
        done = f" and disabled ({reason})" if taken.enabled else kept
        self.say(ports, f"nova-compute on {original.host} forced down{done}")
        return True

    def _take_out(self, ports: Ports, original: HostService, reason: str) -> HostService:
        """Force the service down and disable it; each try looks again whether an operator has disabled it meanwhile.

        Return it as it counts as having been before: disabled, where the reason of an operator stays.
        """
        # What an earlier incident of ours has disabled bears this one's mark from now on: its way back waits for it.
        taken = replace(original, enabled=True) if taken_out_by(original) else original
        now = ports.cloud.host_service(original.host)
        if now is not None and not now.enabled and not taken_out_by(now):
            taken = now  # an operator's own mark, perhaps since the survey: its reason stays
        ports.log.assert_owned()
        ports.cloud.take_out(taken, reason)
        return taken

    def revert(self, *, ports: Ports, service: Any, **_: object) -> None:  # noqa: ANN401 - JSON
        """Put the service back as it was, unless servers have left the host: then it stays out, with our reason.

        A failure of the revert is told, not raised: an exception here would stop TaskFlow's reverting.
        """
        original = from_plain(HostService, service, "result of survey")
        try:
            moving = [m for m in ports.cloud.evacuations_from(original.host) if m.live or m.status == "done"]
            if moving:
                self.say(
                    ports, f"{original.host} stays out of service until it has cleaned up {len(moving)} evacuations"
                )
                return
            now = ports.cloud.host_service(original.host)
            if now is None or not self._is_ours(now, original):
                self.say(ports, f"{original.host} is left as it is: somebody else has changed its service since")
                return
            ports.log.assert_owned()
            self.patiently(ports, lambda: self._put_back(ports, now, self._before_us(original)))
            self.say(ports, f"nova-compute on {original.host} is back as it was before")
        except CloudError as error:
            self.say(ports, f"{original.host} stays out of service: putting it back failed: {error}")

    def _put_back(self, ports: Ports, now: HostService, wanted: HostService) -> None:
        """Put the service back; an answer that does not come is no failure where the service stands as wanted.

        Nova changes its records first, and then waits for the dead nova-compute until the caller has given up.
        """
        try:
            ports.cloud.put_back(now, wanted)
        except CloudUnavailableError:
            seen = ports.cloud.host_service(wanted.host)
            if seen is None or (seen.forced_down, seen.enabled) != (wanted.forced_down, wanted.enabled):
                raise

    def _is_ours(self, service: HostService, original: HostService) -> bool:
        """Tell whether the service stands as we left it; what an operator did since is never touched."""
        as_before = not original.enabled and service.disabled_reason == original.disabled_reason
        return service.forced_down and (as_before or service.disabled_reason.startswith(self.brief.mark))

    def _before_us(self, original: HostService) -> HostService:
        """Return *original* without what an earlier attempt of this very incident had done to it."""
        if not original.disabled_reason.startswith(self.brief.mark):
            return original
        plain = to_plain(original) | {"forced_down": False, "enabled": True, "disabled_reason": ""}
        return from_plain(HostService, plain)
