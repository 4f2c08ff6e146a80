"""What the cluster says of itself now; it is read in core, since fencing believes the same words."""

from __future__ import annotations

from medevac.core.cluster import HUMAN, REMOTE, Fencing, Node, Status, StatusError, parse_document, parse_status

__all__ = ["HUMAN", "REMOTE", "Fencing", "Node", "Status", "StatusError", "parse_document", "parse_status"]
