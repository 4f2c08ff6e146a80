"""The webhook over real HTTP on loopback, in front of a real ZooKeeper: what it takes, and whom it turns away."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from medevac.core import layout
from medevac.core.event import Event
from medevac.core.spool import Spool
from medevac.core.wire import decode
from medevac.triggers.outbox import Outbox
from medevac.triggers.webhook_server import WebhookServer
from medevac.triggers.webhook_settings import WebhookSettings, load
from tests.fixtures.waiting import until

TOKEN = "0123456789abcdef0123456789abcdef"
NOWHERE = "127.0.0.1:1/nowhere"
DEGRADED = {"kind": "host.degraded", "host": "compute-3", "facts": {"what": "fan"}}
EXAMPLE = Path(__file__).parents[3] / "deploy" / "webhook" / "webhook.toml"


@dataclass
class Door:
    """The webhook as those outside see it."""

    port: int
    spool: Spool
    tls: ssl.SSLContext | None = None

    def ask(
        self, path: str, body: object = None, token: str | None = TOKEN, method: str = "POST", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        client = (
            http.client.HTTPSConnection("127.0.0.1", self.port, timeout=30, context=self.tls)
            if self.tls
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        )
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {token}"} if token is not None else {}
        with contextlib.closing(client):
            client.request(method, path, sent, {**given, **headers})
            response = client.getresponse()
            return response.status, json.loads(response.read())

    def raw(self, data: bytes) -> bytes:
        """Send *data* as it is, and return everything that comes back until the other side ends."""
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))


Open = Callable[..., Door]


@pytest.fixture
def settings(tmp_path: Path, zk_hosts: str) -> WebhookSettings:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# one\n{'x' * 32}\n{TOKEN}\n")
    tokens.chmod(0o600)
    told = load(EXAMPLE)
    return replace(
        told,
        zookeeper=zk_hosts,
        port=0,
        token_file=str(tokens),
        spool=str(tmp_path / "spool"),
        deadline=60.0,
        patience=20.0,
    )


@contextmanager
def served(settings: WebhookSettings) -> Iterator[Door]:
    spool = Spool(settings.spool)
    spool.prepare()
    outbox = Outbox(spool, settings.zookeeper)
    with WebhookServer(settings, outbox) as server:
        outbox.start()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield Door(server.server_port, spool)
        finally:
            server.shutdown()
            thread.join(30)
            outbox.stop()


@pytest.fixture
def door(settings: WebhookSettings, zk: KazooClient) -> Iterator[Door]:
    with served(settings) as made:
        yield made


def stored(zk: KazooClient) -> list[Event]:
    return [decode(Event, zk.get(layout.event(name))[0]) for name in sorted(zk.get_children(layout.EVENTS))]


def alerts(*names: str, status: str = "firing", **labels: str) -> dict[str, Any]:
    each = [
        {
            "status": status,
            "labels": {"alertname": name, "instance": "compute-3:9100", **labels},
            "startsAt": "2026-11-22T09:26:24.407024123Z",
            "endsAt": "2026-11-22T09:30:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
            "fingerprint": f"f-{name}",
        }
        for name in names
    ]
    return {"version": "4", "receiver": "medevac", "alerts": each}


def test_what_is_posted_is_in_zookeeper_when_the_answer_comes(door: Door, zk: KazooClient) -> None:
    status, answer = door.ask("/v1/events", DEGRADED)
    (event,) = stored(zk)
    assert (status, answer) == (201, {"events": [{"id": event.id, "state": "posted"}]})
    assert (event.kind.value, event.subject.name, event.source) == ("host.degraded", "compute-3", "webhook")
    assert door.spool.waiting() == []


def test_what_is_said_again_under_one_key_is_known(door: Door, zk: KazooClient) -> None:
    said = {**DEGRADED, "key": "fan-1", "seen_at": 1795339584.0}
    assert [door.ask("/v1/events", said)[0] for _ in range(3)] == [201, 200, 200]
    assert len(stored(zk)) == 1


def test_alertmanagers_alerts_are_events_once_and_their_end_is_another(door: Door, zk: KazooClient) -> None:
    firing = alerts("HostDiskFailing", "NovaServiceDown", "Watchdog", binary="nova-compute", host="compute-3")
    status, answer = door.ask("/v1/alertmanager", firing)
    assert (status, len(answer["events"]), len(answer["ignored"])) == (201, 2, 1)
    assert door.ask("/v1/alertmanager", firing)[0] == 200
    over = alerts("NovaServiceDown", status="resolved", binary="nova-compute", host="compute-3")
    assert door.ask("/v1/alertmanager", over)[0] == 201
    kinds = sorted(event.kind.value for event in stored(zk))
    assert kinds == ["host.degraded", "nova-compute.down", "nova-compute.up"]


def test_one_alert_that_cannot_be_understood_holds_up_no_other(door: Door, zk: KazooClient) -> None:
    status, answer = door.ask("/v1/alertmanager", alerts("HostTenantNetworkDown", "ProbeFailed", server_id="no-uuid"))
    assert (status, len(stored(zk))) == (201, 1)
    assert "no server's uuid" in answer["ignored"][0]


def test_while_zookeeper_is_away_events_are_spooled_and_come_later(
    settings: WebhookSettings, zk: KazooClient, zk_hosts: str
) -> None:
    with served(replace(settings, zookeeper=NOWHERE, patience=0.1)) as door:
        status, answer = door.ask("/v1/events", DEGRADED)
        assert (status, answer["events"][0]["state"]) == (202, "spooled")
        assert len(door.spool.waiting()) == 1
    with served(replace(settings, zookeeper=zk_hosts)) as door:
        assert until(lambda: len(stored(zk)) == 1)
        assert until(lambda: door.spool.waiting() == [])


def test_what_no_disk_takes_is_refused_so_that_it_is_sent_again(door: Door, zk: KazooClient) -> None:
    shutil.rmtree(door.spool.folder)
    Path(door.spool.folder).write_text("in the way")
    assert door.ask("/v1/events", DEGRADED)[0] == 503
    assert stored(zk) == []


@pytest.mark.parametrize("token", [None, "", "x", TOKEN[:-1], f"{TOKEN}0", "# one", "\u00e4" * 32])
def test_without_a_token_that_is_known_nothing_is_taken(door: Door, zk: KazooClient, token: str | None) -> None:
    status, answer = door.ask("/v1/events", DEGRADED, token=token)
    assert status == 401
    assert TOKEN not in str(answer)
    assert stored(zk) == []


def test_tokens_can_be_changed_while_it_runs(door: Door, settings: WebhookSettings) -> None:
    Path(settings.token_file).write_text("f" * 32)
    assert door.ask("/v1/events", DEGRADED)[0] == 401
    assert door.ask("/v1/events", DEGRADED, token="f" * 32)[0] == 201
    Path(settings.token_file).unlink()
    assert door.ask("/v1/events", DEGRADED, token="f" * 32)[0] == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/events", b"{", 400),
        ("/v1/events", b"[" * 100_000, 400),
        ("/v1/events", b'{"kind": "host.fenced", "host": "compute-3"}', 400),
        ("/v1/events", b'{"kind": "host.down", "host": "../../events/x"}', 400),
        ("/v1/events", b'{"kind": "host.down", "host": "\\ud800"}', 400),
        ("/v1/events", b" " * 300_000, 413),
        ("/v1/alertmanager", b"{}", 400),
        ("/v1/alertmanager", b"\xff", 400),
        ("/v2/events", b"{}", 404),
        ("/v1/events/../events", b"{}", 404),
    ],
)
def test_hostile_bodies_and_paths_are_answered_with_a_sentence(
    door: Door, zk: KazooClient, path: str, body: bytes, status: int
) -> None:
    answered, answer = door.ask(path, body)
    assert answered == status
    assert answer["error"]
    assert stored(zk) == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x00\x01\x02\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"PUT /v1/events HTTP/1.1\r\n\r\n", b"501"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"POST /v1/events HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"POST /v1/events HTTP/1.1\r\nAuthorization: Bearer %T\r\n\r\n", b"411"),
        (b"POST /v1/events HTTP/1.1\r\nAuthorization: Bearer %T\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST /v1/events HTTP/1.1\r\nAuthorization: Bearer %T\r\nContent-Length: 9\r\n\r\n{}", b"400"),
        (
            b"POST /v1/events HTTP/1.1\r\nAuthorization: Bearer %T\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
            b"411",
        ),
        (
            b"POST /v1/events HTTP/1.1\r\nAuthorization: Bearer %T\r\nTransfer-Encoding: a\r\nContent-Length:0\r\n\r\n",
            b"411",
        ),
        (b"POST /v1/events HTTP/1.1\r\nAuthorization: Bearer %T\r\nAuthorization: Bearer x\r\n\r\n", b"401"),
    ],
)
def test_hostile_requests_are_refused(door: Door, zk: KazooClient, request_: bytes, status: bytes) -> None:
    answer = door.raw(request_.replace(b"%T", TOKEN.encode()))
    assert answer.split(b" ")[1:2] == [status] or status in answer.partition(b"\r\n")[0]
    assert stored(zk) == []
    assert door.ask("/v1/health", method="GET", token=None) == (200, {"alive": True})


def test_one_that_sends_slowly_is_cut_off_in_time_and_holds_up_nobody(settings: WebhookSettings) -> None:
    with (
        served(replace(settings, deadline=3.0, patience=0.1)) as door,
        socket.create_connection(("127.0.0.1", door.port)) as slow,
    ):
        slow.settimeout(30)
        slow.sendall(b"POST /v1/events HTTP/1.1\r\n")
        assert door.ask("/v1/events", DEGRADED)[0] in {201, 202}
        assert slow.recv(1000) == b""


def test_more_connections_than_there_are_places_for_are_turned_away(settings: WebhookSettings) -> None:
    with served(replace(settings, connections=1)) as door, socket.create_connection(("127.0.0.1", door.port)) as first:
        first.sendall(b"POST ")

        def turned_away() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", door.port), 5) as second:
                    second.settimeout(0.5)
                    return second.recv(1) == b""
            except ConnectionError:
                return True
            except TimeoutError:
                return False

        assert until(turned_away)
        first.shutdown(socket.SHUT_RDWR)

        def taken() -> bool:
            try:
                return door.ask("/v1/health", method="GET")[0] == 200
            except (OSError, http.client.HTTPException):
                return False

        assert until(taken)


def test_with_a_certificate_it_speaks_tls(settings: WebhookSettings, zk: KazooClient, tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(
        [
            *(
                [
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:prime256v1",
                    "-nodes",
                    "-days",
                    "1",
                ]
            ),
            *(["-subj", "/CN=webhook", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout"]),
            *(str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    with served(replace(settings, certificate=str(certificate), key=str(key), deadline=4.0, patience=0.5)) as door:
        with socket.create_connection(("127.0.0.1", door.port)) as silent:
            silent.settimeout(30)
            assert silent.recv(1) == b""  # it never shook hands, and was cut off
        door.tls = ssl.create_default_context(cafile=str(certificate))
        assert door.ask("/v1/events", DEGRADED)[0] in {201, 202}
        assert until(lambda: len(stored(zk)) == 1)


def test_the_command_serves_until_it_is_told_to_end(settings: WebhookSettings, zk: KazooClient, tmp_path: Path) -> None:
    config = tmp_path / "webhook.toml"
    names = ("zookeeper", "token_file", "spool", "port")
    config.write_text("".join(f"{name} = {json.dumps(getattr(settings, name))}\n" for name in names))
    command = [sys.executable, "-m", "medevac.triggers.webhook_command", "--config", str(config)]
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True, timeout=60, check=True)
    assert "nothing to find fault with" in checked.stdout
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        said = tmp_path / "log"
        assert until(lambda: "listening on http://127.0.0.1:" in said.read_text())
        port = int(said.read_text().partition("127.0.0.1:")[2].split()[0])
        assert Door(port, Spool(settings.spool)).ask("/v1/events", DEGRADED)[0] in {201, 202}
        assert until(lambda: len(stored(zk)) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert TOKEN not in said.read_text()
    finally:
        process.kill()
        process.wait()


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "webhook.toml").write_text('token_file = "/nowhere"\nspool = "/dev/null/spool"\n')
    command = [sys.executable, "-m", "medevac.triggers.webhook_command", "--config", str(tmp_path / "webhook.toml")]
    ended = subprocess.run([*command, "--check"], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
