"""What each way of not answering is called: certainly not done, or unknown."""

from __future__ import annotations

import pytest
from keystoneauth1 import exceptions as keystone

from medevac.core.errors import (
    CloudError,
    CloudUnavailableError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
)
from medevac.workers.openstack.answers import answered
from tests.fixtures.waiting import until
from tests.unit.openstack.conftest import DEAD, EVACUATE, Place

ACTION = "/action$"
KEYSTONE = "/identity/.*tokens"


@pytest.mark.parametrize("kind", ["reset", "lost", "silent", "hang"])
def test_a_read_without_an_answer_may_be_repeated(place: Place, kind: str) -> None:
    place.cloud.host_service(DEAD)
    place.running.site.fault(kind, path="os-services")
    with pytest.raises(CloudUnavailableError):
        place.cloud.host_service(DEAD)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_that_meets_a_server_error_may_be_repeated(place: Place, status: int) -> None:
    place.running.site.fault("status", path="os-services", status=status)
    with pytest.raises(CloudUnavailableError, match=str(status)):
        place.cloud.host_service(DEAD)


@pytest.mark.parametrize("kind", ["reset", "lost", "silent", "hang"])
def test_an_idempotent_write_without_an_answer_may_be_repeated(place: Place, kind: str) -> None:
    service = place.cloud.host_service(DEAD)
    assert service is not None
    place.running.site.fault(kind, method="PUT")
    with pytest.raises(CloudUnavailableError):
        place.cloud.take_out(service, "test")
    place.running.site.clear_faults()
    place.cloud.take_out(service, "test")


@pytest.mark.parametrize("kind", ["reset", "lost", "silent", "hang"])
def test_an_evacuation_without_an_answer_has_an_unknown_outcome(place: Place, kind: str) -> None:
    place.kill()
    place.running.site.fault(kind, path=ACTION)
    with pytest.raises(OutcomeUnknownError):
        place.cloud.evacuate(place.server_id)
    assert until(lambda: len(place.cloud.evacuations_from(DEAD)) == (kind in ("lost", "silent")))
    assert place.requests()[EVACUATE] == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("after", [False, True])
def test_an_evacuation_that_meets_a_server_error_has_an_unknown_outcome(
    place: Place, status: int, *, after: bool
) -> None:
    place.kill()
    place.running.site.fault("status", path=ACTION, status=status, after=after)
    with pytest.raises(OutcomeUnknownError):
        place.cloud.evacuate(place.server_id)
    assert len(place.cloud.evacuations_from(DEAD)) == after
    assert place.requests()[EVACUATE] == 1


def test_an_evacuation_that_was_turned_away_at_the_door_was_not_done(place: Place) -> None:
    place.kill()
    place.running.site.fault("status", path=ACTION, status=429)
    with pytest.raises(CloudUnavailableError):
        place.cloud.evacuate(place.server_id)


def test_an_evacuation_that_was_never_sent_was_not_done(place: Place) -> None:
    place.kill()
    server_id = place.server_id
    place.stop()
    with pytest.raises(CloudUnavailableError, match="Connection refused"):
        place.cloud.evacuate(server_id)


@pytest.mark.parametrize("kind", ["reset", "hang"])
def test_an_evacuation_for_which_there_is_no_login_was_not_done(place: Place, kind: str) -> None:
    place.kill()
    place.cloud._cloud.session.invalidate()  # noqa: SLF001 - as if the token had run out by the clock
    place.running.site.fault(kind, path=KEYSTONE)
    with pytest.raises(CloudUnavailableError):
        place.cloud.evacuate(place.server_id)
    assert EVACUATE not in place.requests()


def test_an_evacuation_with_a_token_that_became_invalid_is_made_once(place: Place) -> None:
    place.kill()
    place.running.site.revoke_tokens()
    place.cloud.evacuate(place.server_id)
    assert len(place.cloud.evacuations_from(DEAD)) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, RefusedError), (401, RefusedError), (403, RefusedError), (404, NotFoundError), (409, ConflictError)],
)
def test_a_refusal_is_told_apart_and_carries_novas_words(place: Place, status: int, error: type[CloudError]) -> None:
    place.kill()
    place.running.site.fault("status", path=ACTION, status=status)
    with pytest.raises(error, match=f"ordered fault.*HTTP {status}"):
        place.cloud.evacuate(place.server_id)


def test_what_is_not_novas_answer_is_no_answer(place: Place) -> None:
    place.running.site.fault("status", path="os-services", status=200)
    with pytest.raises(CloudUnavailableError, match="no 'services'"):
        place.cloud.host_service(DEAD)
    place.running.site.fault("status", path="/projects", status=200)
    with pytest.raises(CloudUnavailableError, match="not Keystone's answer"):
        place.cloud.project_names()


@pytest.mark.parametrize("kind", ["reset", "lost", "silent"])
def test_no_message_contains_the_token(place: Place, kind: str) -> None:
    place.kill()
    token = place.cloud._cloud.session.get_token()  # noqa: SLF001 - it is handed out nowhere else
    assert token
    place.running.site.fault(kind, path=ACTION, count=1)
    with pytest.raises(OutcomeUnknownError) as caught:
        place.cloud.evacuate(place.server_id)
    assert token not in str(caught.value)


def test_a_cloud_that_is_not_there_is_told_without_the_objects_of_libraries() -> None:
    error = keystone.DiscoveryFailure(
        "Could not find versioned identity endpoints. Unable to establish connection to http://c/v3: "
        "HTTPConnectionPool(host='c', port=80): Max retries exceeded (Caused by NewConnectionError(...))"
    )
    with pytest.raises(CloudUnavailableError) as raised, answered("ask"):
        raise error
    expected = "ask: Could not find versioned identity endpoints. Unable to establish connection to http://c/v3"
    assert str(raised.value) == expected
