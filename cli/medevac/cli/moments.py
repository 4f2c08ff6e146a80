"""Moments: times to come, as people give them on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from medevac.flows.policy.duration import NotADurationError, parse_duration

NEVER = "never"


class Until:
    """An end: after a while, at a time, or never."""

    def __init__(self, *, after: float = 0.0, at: float = 0.0) -> None:
        """End *after* seconds or *at* a time (seconds since the epoch); with neither, never."""
        self._after = after
        self._at = at

    def at(self, now: float) -> float:
        """Return seconds since the epoch; 0 for never.  Raises click.UsageError when it is over already."""
        if self._at and self._at <= now:
            raise click.UsageError("--until lies in the past")
        return self._at or (now + self._after if self._after else 0.0)


class Moment(click.ParamType):  # type: ignore[type-arg]  # click 8.1 has no type argument here
    """Takes 2h, 2026-11-22T21:30Z (UTC, where it names no zone) or never; gives an Until."""

    name = "2h|TIME|never"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return it as it has to be typed: click would write it in capitals, which are not understood."""
        del param, ctx
        return self.name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Until:
        """Return the end that *value* says."""
        if isinstance(value, Until):
            return value
        text = str(value)
        if text == NEVER:
            return Until()
        try:
            after = float(parse_duration(text))
        except NotADurationError:
            pass
        else:
            if not after:  # whoever worked out a time that is left does not mean for ever
                self.fail(f"{text!r} would be over at once; write {NEVER} for one without an end", param, ctx)
            return Until(after=after)
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is no time: write 2h, 2026-11-22T21:30Z or never", param, ctx)
        return Until(at=(at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
