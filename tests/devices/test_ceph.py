"""medevac-fence-ceph against a real monitor: the blocklist, written by a user who may do no more than that."""

from __future__ import annotations

import pytest

from medevac.core.errors import FencingError
from medevac.core.evidence import FENCED
from medevac.flows.rung import Case
from medevac.workers.fencing.program import CommandMeans, Program
from tests.devices.ceph import Monitor
from tests.devices.conftest import deployed

CASE = Case("compute-1", "host.down:compute-1:1", 0.0, 0.0)
HOUR, YEAR = 3600, 365 * 86400


def storage(ceph: Monitor, address: str, **more: str) -> CommandMeans:
    options = {"conf": ceph.configuration, "id": "medevac", "address": address, **more}
    return CommandMeans(("*",), Program(deployed("medevac-fence-ceph"), options))


@pytest.mark.parametrize(
    ("address", "entry"),
    [
        ("10.1.2.3", "10.1.2.3:0/0"),
        ("2001:db8::7", "[2001:db8::7]:0/0"),
        ("10.9.3.0/24", "cidr:10.9.3.0:0/24"),
        ("2001:db8:9::/64", "cidr:[2001:db8:9::]:0/64"),
    ],
)
def test_all_clients_of_a_host_are_shut_out(ceph: Monitor, address: str, entry: str) -> None:
    means = storage(ceph, address)
    means.order(CASE)
    evidence = means.look(CASE).evidence
    assert evidence is not None
    assert (evidence.source, evidence.action) == ("command:medevac-fence-ceph", FENCED)
    assert entry in ceph.blocklist()


def test_however_often_it_is_ordered_it_is_done_once_and_proving_it_does_nothing(ceph: Monitor) -> None:
    means = storage(ceph, "10.6.0.1")
    assert "the monitors answer" in means.prove("compute-1")
    assert means.look(CASE).evidence is None
    means.order(CASE)
    means.order(CASE)
    assert ceph.blocklist().count("10.6.0.1:0/0") == 1


def test_a_host_within_a_range_that_is_shut_out_is_fenced_already_and_its_neighbour_is_not(ceph: Monitor) -> None:
    storage(ceph, "10.8.0.0/28").order(CASE)
    assert storage(ceph, "10.8.0.7").look(CASE).evidence is not None
    assert storage(ceph, "10.8.0.17").look(CASE).evidence is None


def test_an_entry_that_ends_soon_is_none_and_is_replaced(ceph: Monitor) -> None:
    """Ceph says that it prolongs the entry, and does not."""
    ceph.block("10.7.0.1:0/0", HOUR // 2)
    means = storage(ceph, "10.7.0.1")
    assert means.look(CASE).evidence is None
    ceph.block("10.7.0.1:0/0", YEAR)
    assert means.look(CASE).evidence is None, "Ceph prolongs entries now: the program need not replace them any more"
    means.order(CASE)
    assert means.look(CASE).evidence is not None


def test_a_user_that_the_monitor_does_not_know_is_not_evidence(ceph: Monitor) -> None:
    for ask in (storage(ceph, "10.1.2.3", id="nobody").look, storage(ceph, "10.1.2.3", id="nobody").order):
        with pytest.raises(FencingError, match="ended with 1"):
            ask(CASE)


def test_monitors_that_are_away_are_given_up_in_time(ceph: Monitor, tmp_path_factory: pytest.TempPathFactory) -> None:
    away = tmp_path_factory.mktemp("away") / "ceph.conf"
    away.write_text(
        f"[global]\nmon_host = v2:127.0.0.1:1/0\nkeyring = {ceph.folder}/keyring\nclient_mount_timeout = 2\n"
    )
    program = Program(deployed("medevac-fence-ceph"), {"conf": str(away), "id": "medevac"}, timeout=5.0)
    with pytest.raises(FencingError):
        CommandMeans(("*",), program).look(CASE)
