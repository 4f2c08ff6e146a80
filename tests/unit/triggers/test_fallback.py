"""The folder of the last resort belongs to one user and one site."""

from __future__ import annotations

import os

from medevac.triggers.alert import fallback_folder
from medevac.triggers.settings import settings_from


def test_events_kept_for_one_site_are_never_replayed_into_another() -> None:
    ours, other = (
        fallback_folder(settings_from({"MEDEVAC_ZOOKEEPER": address})) for address in ("zk1:2181/a", "zk1:2181/b")
    )
    assert ours != other
    assert ours == fallback_folder(settings_from({"CRM_alert_recipient": "zk1:2181/a"}))
    assert f"-{os.geteuid()}-" in ours
