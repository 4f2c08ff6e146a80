from __future__ import annotations

import pytest

from medevac.core.errors import RefusedError
from medevac.workers.openstack.versions import Version, agree


@pytest.mark.parametrize(
    ("highest", "reads", "acts"),
    [
        ((2, 53), (2, 53), (2, 53)),
        ((2, 90), (2, 90), (2, 90)),
        ((2, 94), (2, 94), (2, 94)),
        ((2, 95), (2, 95), (2, 94)),
        ((2, 104), (2, 96), (2, 94)),
    ],
)
def test_actions_stay_below_the_version_that_leaves_servers_stopped(
    highest: Version, reads: Version, acts: Version
) -> None:
    versions = agree((2, 1), highest)
    assert (versions.reads, versions.acts) == (reads, acts)


def test_an_older_library_is_not_asked_for_more_than_it_knows() -> None:
    assert agree((2, 1), (2, 104), client=(2, 79)).reads == (2, 79)


@pytest.mark.parametrize(("lowest", "highest"), [((2, 1), (2, 52)), ((2, 95), (2, 120))])
def test_a_nova_with_which_there_is_nothing_in_common_is_refused(lowest: Version, highest: Version) -> None:
    with pytest.raises(RefusedError, match=r"2\.53.*2\.94"):
        agree(lowest, highest)


@pytest.mark.parametrize(
    ("highest", "client", "holds"),
    [((2, 94), (2, 96), None), ((2, 95), (2, 96), (2, 95)), ((2, 104), (2, 96), (2, 95)), ((2, 104), (2, 94), None)],
)
def test_a_server_can_be_held_where_both_sides_know_how(
    highest: Version, client: Version, holds: Version | None
) -> None:
    assert agree((2, 1), highest, client).holds == holds
