"""The step on medevac's fakes: no cloud, no ZooKeeper, no worker."""

from __future__ import annotations

from pathlib import Path

from address_book import AddressBook

from medevac.flows.brief import Brief
from medevac.flows.extension import ServerView, StepContext
from medevac.flows.plan import PlannedServer, Settings
from medevac.sandbox.cloud.model.site import HostSpec, SiteSpec
from medevac.sandbox.fakes import FakeSite


def context(*servers: ServerView) -> StepContext:
    """Return what the step would be given."""
    ports = FakeSite(SiteSpec((HostSpec("dead", zone="az1"),), ())).ports
    brief = Brief("host.down:dead:1", "host.down", "dead", 0.0, Settings())
    return StepContext(ports, brief, "everyone", servers, say=lambda _: None)


def server(name: str, *, back: bool, host: str = "spare") -> ServerView:
    """Return a server."""
    planned = PlannedServer(f"id-{name}", name, "project", "everyone", "active")
    return ServerView(planned, None, back, host if back else "")


def test_only_servers_that_are_back_stand_in_the_book(tmp_path: Path) -> None:
    book = tmp_path / "book"
    results = AddressBook(str(book)).execute(context(server("a", back=True), server("b", back=False)))
    assert [(each.id, each.result.value) for each in results] == [("id-a", "done"), ("id-b", "skipped")]
    assert book.read_text() == "a spare\n"


def test_a_second_run_writes_the_same(tmp_path: Path) -> None:
    book = tmp_path / "book"
    for _ in range(2):
        list(AddressBook(str(book)).execute(context(server("a", back=True))))
    assert book.read_text() == "a spare\n"


def test_what_others_wrote_stays_when_it_is_undone(tmp_path: Path) -> None:
    book = tmp_path / "book"
    book.write_text("z elsewhere\n")
    told = context(server("a", back=True))
    list(AddressBook(str(book)).execute(told))
    AddressBook(str(book)).revert(told)
    assert book.read_text() == "z elsewhere\n"
