"""Silence of libraries: what they log goes to nobody's terminal, where our own sentence says it once."""

from __future__ import annotations

import logging

_LIBRARIES = ("kazoo", "keystoneauth", "novaclient", "openstack", "stevedore", "urllib3")


def keep() -> None:
    """Let libraries log nothing, for the time of a command."""
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
