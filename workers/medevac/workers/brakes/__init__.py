"""Brakes: what holds recoveries back (disarm, maintenance, storms, our own blindness, caps, operators' orders)."""

from medevac.workers.brakes.judge import Brakes

__all__ = ["Brakes"]
