"""medevac-webhook: the service that takes events from monitoring systems over HTTP."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from medevac.core.errors import MedevacError
from medevac.core.spool import Spool
from medevac.triggers.notify import READY, STOPPING, Notifier
from medevac.triggers.outbox import Outbox
from medevac.triggers.webhook_server import WebhookServer
from medevac.triggers.webhook_settings import CONFIGURATION, WebhookSettings, load

DONE, PROBLEMS = 0, 1


def main() -> None:
    """Run until SIGTERM; does not return."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve as told, and return the exit code (2: usage)."""
    parser = argparse.ArgumentParser(
        prog="medevac-webhook",
        description="Takes events from monitoring systems over HTTP, and hands them to ZooKeeper.",
        epilog="Exit: 0 told to end, or nothing to find fault with; 1 problems found; 2 usage.",
    )
    default = environment.get("MEDEVAC_WEBHOOK") or CONFIGURATION
    parser.add_argument("--config", type=Path, default=Path(default), help=f"its settings (default: {default})")
    parser.add_argument("--check", action="store_true", help="read settings, tokens and certificate, and end")
    told = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        settings = load(told.config)
        return _serve(settings, Notifier(environment), only_check=told.check)
    except MedevacError as error:
        sys.stderr.write(f"medevac-webhook: {error}\n")
    except OSError as error:
        sys.stderr.write(f"medevac-webhook: cannot listen on {settings.address}:{settings.port}: {error.strerror}\n")
    return PROBLEMS


def _serve(settings: WebhookSettings, notifier: Notifier, *, only_check: bool) -> int:
    spool = Spool(settings.spool)
    spool.prepare()
    outbox = Outbox(spool, settings.zookeeper)
    with WebhookServer(settings, outbox) as server:
        where = f"{'https' if settings.certificate else 'http'}://{settings.address}:{server.server_port}"
        if only_check:
            sys.stdout.write(f"{where}: {len(settings.rules)} rules for alerts; nothing to find fault with\n")
            return DONE
        for number in (signal.SIGTERM, signal.SIGINT):
            # shutdown waits for serve_forever, which this very thread runs.
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        outbox.start()
        logging.getLogger(__name__).info("listening on %s", where)
        notifier.say(READY)
        server.serve_forever(poll_interval=0.2)
        notifier.say(STOPPING)
    outbox.stop()
    return DONE


if __name__ == "__main__":
    main()
