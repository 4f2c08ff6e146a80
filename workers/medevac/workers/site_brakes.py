"""What the site file says under `brakes`: when recoveries are slowed or held back (docs/decisions/0010-brakes.md)."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from medevac.flows.policy.binding import Binder
from medevac.flows.policy.duration import Duration
from medevac.flows.policy.problems import quoted
from medevac.flows.policy.words import said


@dataclass(frozen=True, slots=True)
class BrakeSettings:
    """When recoveries are slowed or held back."""

    window: Duration = field(
        default=Duration(1800),
        metadata=said("How long a host that failed and is back counts; one that is not back counts on.", least=1),
    )
    share: int = field(
        default=30,
        metadata=said("Percent of a domain's hosts that failed: from there on it is slowed.", least=1, most=100),
    )
    least: int = field(
        default=3, metadata=said("How many hosts must have failed at the least before a domain is slowed.", least=1)
    )
    stop_share: int = field(
        default=50,
        metadata=said(
            "Percent of a domain's hosts, lost one after another and not back: from there on nothing is done there. "
            "100: only when all are down.",
            least=1,
            most=100,
        ),
    )
    stop_window: Duration = field(
        default=Duration(86_400), metadata=said("The time within which `stop_share` must have been lost.", least=1)
    )
    per_minute: int = field(
        default=6, metadata=said("Hosts whose recovery begins within one minute when there is no storm.", least=1)
    )
    slowed: Duration = field(
        default=Duration(100), metadata=said("Pause between two hosts of a domain that is slowed.", least=1)
    )
    cooldown: Duration = field(
        default=Duration(300), metadata=said("How long a domain stays slowed after a storm has ended.")
    )
    hosts_at_once: int = field(
        default=5, metadata=said("Hosts that are recovered at the same time, by all workers together.", least=1)
    )
    fencings: int = field(
        default=10, metadata=said("Hosts that medevac fences within `fencing_window` on the whole site.", least=1)
    )
    fencing_window: Duration = field(
        default=Duration(600), metadata=said("The time that `fencings` is about.", least=1)
    )
    racks: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata=said("Racks by name: the hosts in each, as patterns with `*`. The first that covers a host counts."),
    )
    aggregates: tuple[str, ...] = field(
        default=("*",), metadata=said("Which aggregates are failure domains, as patterns with `*`.")
    )
    max_failures: Mapping[str, int] = field(
        default_factory=dict,
        metadata=said("For aggregates, by name: more hosts than this may not be lost within `window`, or out."),
    )
    gateway: tuple[str, ...] = field(
        default=(),
        metadata=said(
            "What this machine must reach: `HOST:PORT` (TCP) or an address (ping). While none of them answers, "
            "it is we who are cut off, and nothing is done."
        ),
    )
    maintenance: tuple[str, ...] = field(
        default=("*maint*", "*planned*", "*upgrade*", "*reboot*", "*drain*", "*decommission*"),
        metadata=said("Words in the disabled_reason of a compute service that announce a planned stop, as patterns."),
    )
    cluster: str = field(
        default="",
        metadata=said(
            "How Pacemaker is asked whether a host is in standby or maintenance: `here`, or the words before crm_mon, "
            "such as `ssh ctl-1`. Without it nobody asks."
        ),
    )
    page: tuple[str, ...] = field(
        default=(),
        metadata=said("Whom to tell, by names of `notify`, when a storm or a maintenance holds something; once each."),
    )


def check_brakes(settings: BrakeSettings, known: Container[str], binder: Binder) -> None:
    """Report those who shall be told and are not *known*: nobody would ever hear of a storm."""
    for number, name in enumerate(settings.page):
        if name not in known:
            hint = f"write 'notify: {{{name}: {{file: ...}}}}' with the place of its URL"
            place = binder.place("brakes", "page", number)
            binder.problems.error(place, f"{quoted(name)} is nobody that 'notify' names", hint)
