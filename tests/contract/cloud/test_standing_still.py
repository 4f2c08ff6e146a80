"""Contract of the Cloud port: a nova-compute that stands still and goes on, as the source and as the destination."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from medevac.core.errors import RefusedError
from tests.contract.cloud.stage import REASON, Stage, at_rest, evacuated, lose, newest, server, service, until


def test_a_source_that_stood_still_does_not_clean_up_when_it_goes_on(stage: Stage) -> None:
    source = stage.hosts[0]
    (server_id,) = stage.boot(source)
    before = service(stage, source)
    with stage.stand_still(source):
        stage.cloud.take_out(before, REASON)
        assert evacuated(stage, source, server_id).status == "done"
        silent = service(stage, source)
    until(stage, lambda: (service(stage, source).updated_at or 0.0) > (silent.updated_at or 0.0), "it has reported")
    assert _status(stage, source, server_id) == "done"
    with pytest.raises(RefusedError, match="done"):
        stage.cloud.put_back(service(stage, source), before)


def test_an_evacuation_to_a_host_that_stands_still_waits_for_it(stage: Stage) -> None:
    source, still = stage.hosts[:2]
    with _sent(stage, still) as server_id:
        assert _status(stage, source, server_id) == "accepted"
        assert server(stage, server_id).task_state == "rebuilding"
    until(stage, lambda: _status(stage, source, server_id) == "done", "it arrives late")
    assert at_rest(stage, server_id).host == still


def test_an_evacuation_that_comes_late_leaves_the_server_where_it_has_gone_and_in_error(stage: Stage) -> None:
    source, still = stage.hosts[:2]
    with _sent(stage, still) as server_id:
        stage.cloud.reset_state(server_id, "active")
        stage.cloud.set_enabled(service(stage, still), False, REASON)
        stage.cloud.evacuate(server_id)
        until(stage, lambda: server(stage, server_id).host not in (source, still), "the server is elsewhere")
        there = at_rest(stage, server_id)
        assert there.vm_state == "active"
    until(stage, lambda: server(stage, server_id).vm_state == "error", "the late one has been carried out")
    assert server(stage, server_id).host == there.host
    assert _status(stage, source, server_id) == "accepted"


@contextmanager
def _sent(stage: Stage, still: str) -> Iterator[str]:
    """Give a server of the first host, which is lost, whose evacuation was sent to *still*; that one stands still."""
    (server_id,) = stage.boot(stage.hosts[0])
    lose(stage, stage.hosts[0])
    with stage.stand_still(still):
        with stage.leave_only(still):
            stage.cloud.evacuate(server_id)
            until(stage, lambda: stage.is_sent(server_id, still), f"{still} is told to start {server_id}")
        yield server_id


def _status(stage: Stage, source: str, server_id: str) -> str:
    record = newest(stage, source, server_id)
    return record.status if record else ""
