"""What the simulated cloud refuses, with the HTTP status and words that Nova would use."""

from __future__ import annotations

from http import HTTPStatus


class Refusal(Exception):  # noqa: N818 - it is Nova's answer and no error of ours
    """A call is refused with *status* and *message*."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        """Take the HTTP status and Nova's message."""
        super().__init__(message)
        self.status = status
        self.message = message


def bad_request(message: str) -> Refusal:
    """Return a 400."""
    return Refusal(HTTPStatus.BAD_REQUEST, message)


def conflict(message: str) -> Refusal:
    """Return a 409."""
    return Refusal(HTTPStatus.CONFLICT, message)


def not_found(message: str) -> Refusal:
    """Return a 404."""
    return Refusal(HTTPStatus.NOT_FOUND, message)


def no_server(server_id: str) -> Refusal:
    """Return Nova's 404 for a server."""
    return not_found(f"Instance {server_id} could not be found.")


def invalid_state(server_id: str, action: str, attribute: str, state: str | None) -> Refusal:
    """Return Nova's 409 for a server in the wrong state (api/openstack/common.py)."""
    if state is None:
        return conflict(f"Instance {server_id} is in an invalid state for '{action}'")
    return conflict(f"Cannot '{action}' instance {server_id} while it is in {attribute} {state}")
