"""What went wrong between us and the cloud, said in medevac's errors.

The question that matters is whether the call may have been carried out; everything here serves that question.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import requests
from keystoneauth1 import exceptions as keystone
from novaclient import exceptions as nova
from urllib3 import exceptions as wire

from medevac.core.errors import (
    CloudError,
    CloudNotConfiguredError,
    CloudUnavailableError,
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
)

_BY_STATUS: dict[int, type[CloudError]] = {
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: ConflictError,
    HTTPStatus.REQUEST_TIMEOUT: CloudUnavailableError,
    HTTPStatus.TOO_MANY_REQUESTS: CloudUnavailableError,
}
_NEVER_SENT = (wire.NewConnectionError, wire.ConnectTimeoutError, wire.ProxyError)
"""urllib3's failures of making a connection: of the request itself, no byte has left."""
_OBJECT = ": HTTP"
"""Where keystoneauth goes on with the repr of urllib3's object: HTTPConnectionPool(...)."""
_LONGEST = 500
"""Characters of the cloud's own text that go into a message."""


@contextmanager
def answered(doing: str, *, once: bool = False) -> Iterator[None]:
    """Turn the exceptions of novaclient and keystoneauth into medevac's, each saying what was being done.

    *once*: the call is not idempotent, so that an answer that did not come is OutcomeUnknownError unless the
    request provably never left; otherwise it is CloudUnavailableError.
    """
    try:
        yield
    except nova.ClientException as error:
        raise _refusal(doing, int(error.code), error.message or "", error.request_id, once=once) from error
    except keystone.HttpError as error:
        raise _refusal(doing, error.http_status, error.message, error.request_id, once=once) from error
    except keystone.ConnectionError as error:
        # keystoneauth says ConnectFailure for a refused connection and for one that broke after sending: only
        # the exception that it wrapped tells.
        raise _silence(once=once and not never_sent(error))(f"{doing}: {_why(error)}") from error
    except (keystone.MissingRequiredOptions, keystone.AuthPluginException) as error:
        raise CloudNotConfiguredError(f"{doing}: {error}. {CloudNotConfiguredError.__doc__}") from error
    except keystone.ClientException as error:
        # No endpoint in the catalog, versions not to be discovered: nothing was asked of Nova.
        raise CloudUnavailableError(f"{doing}: {_short(str(error).partition(_OBJECT)[0])}") from error


def never_sent(error: BaseException) -> bool:
    """Tell whether *error*, from keystoneauth, proves that the request never left this machine."""
    if isinstance(error.__context__, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    return isinstance(_root(error), _NEVER_SENT)


def _root(error: BaseException) -> object:
    """Return urllib3's exception below keystoneauth's and requests'."""
    cause = error.__context__
    inner = cause.args[0] if cause is not None and cause.args else None
    return inner.reason if isinstance(inner, wire.MaxRetryError) else inner


def _why(error: keystone.ConnectionError) -> str:
    """Return keystoneauth's sentence with urllib3's last words instead of its object's repr."""
    sentence, _, rest = str(error).partition(_OBJECT)
    last_words = str(_root(error)).rpartition("): ")[2] if rest else ""
    return _short(f"{sentence}: {last_words}" if last_words else sentence)


def _refusal(doing: str, status: int, text: str, request_id: str | None, *, once: bool) -> CloudError:
    where = f", {request_id}" if request_id else ""
    message = f"{doing}: {_short(text) or 'no reason given'} (HTTP {status}{where})"
    if status == HTTPStatus.UNAUTHORIZED:
        return RefusedError(f"{message}. Check the user, password and project in clouds.yaml or OS_*")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _silence(once=once)(message)
    return _BY_STATUS.get(status, RefusedError)(message)


def _silence(*, once: bool) -> type[CloudError]:
    return OutcomeUnknownError if once else CloudUnavailableError


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= _LONGEST else plain[: _LONGEST - 1] + "…"
