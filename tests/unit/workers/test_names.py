"""Names of hosts: short, full, and the hypervisor's are one host; what could be two is said to be."""

from __future__ import annotations

import pytest

from medevac.core.errors import CloudUnavailableError
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite
from medevac.workers.names import AT_MOST_EVERY, FRESH, AmbiguousHostError, HostNames, match

SHORT = ("compute-1", "compute-10", "compute-2")
FULL = ("compute-1.a.example", "compute-2.a.example", "compute-2.b.example")


@pytest.mark.parametrize(
    ("name", "hosts", "found"),
    [
        ("compute-1", SHORT, "compute-1"),
        ("compute-1.a.example", SHORT, "compute-1"),
        ("COMPUTE-1.A.Example.", SHORT, "compute-1"),
        ("compute-1", FULL, "compute-1.a.example"),
        ("compute-2.b.example", FULL, "compute-2.b.example"),
        ("compute-1.c.example", FULL, ""),
        ("compute-3", SHORT, ""),
        ("compute", SHORT, ""),
    ],
)
def test_a_name_is_matched_with_the_host_that_it_is_a_name_of(name: str, hosts: tuple[str, ...], found: str) -> None:
    assert match(name, hosts) == found


def test_a_name_that_could_be_two_hosts_is_refused_with_both() -> None:
    with pytest.raises(AmbiguousHostError, match=r"compute-2\.a\.example, compute-2\.b\.example: say which"):
        match("compute-2", FULL)


def site(*hosts: str) -> FakeSite:
    return FakeSite(SiteSpec(tuple(HostSpec(host) for host in hosts)))


def asked(site: FakeSite) -> int:
    return sum(site.world.requests.values())


def test_the_site_file_has_the_first_word_and_nova_is_not_asked() -> None:
    fake = site("compute-1")
    names = HostNames({"remote-7": "compute-1"}, fake.cloud, fake.clock)
    assert names("remote-7") == "compute-1"
    assert asked(fake) == 0


def test_nova_is_asked_once_for_many_names_and_again_when_its_list_is_old() -> None:
    fake = site(*SHORT)
    names = HostNames({}, fake.cloud, fake.clock)
    fake.clock.wait(1.0)
    for _ in range(5):
        assert [names("compute-1.a.example"), names("compute-2")] == ["compute-1", "compute-2"]
    assert asked(fake) == 1
    fake.clock.wait(FRESH + 1)
    names("compute-2")
    assert asked(fake) == 2


def test_a_name_that_is_not_known_has_nova_asked_seldom_and_stays_what_it_is() -> None:
    fake = site(*SHORT)
    names = HostNames({}, fake.cloud, fake.clock)
    assert [names("node1") for _ in range(10)] == ["node1"] * 10
    assert asked(fake) == 1
    fake.clock.wait(AT_MOST_EVERY + 1)
    names("node1")
    assert asked(fake) == 2


def test_while_nova_does_not_answer_what_was_learnt_holds_and_nothing_is_guessed() -> None:
    fake = site(*SHORT)
    names = HostNames({}, fake.cloud, fake.clock)
    fake.world.mishaps.order("reset")
    with pytest.raises(CloudUnavailableError):
        names("compute-1.a.example")
    fake.world.mishaps.withdraw()
    names("compute-1.a.example")
    fake.world.mishaps.order("reset")
    fake.clock.wait(FRESH + 1)
    assert names("compute-1.a.example") == "compute-1"
