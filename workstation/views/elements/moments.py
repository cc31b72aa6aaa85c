"""Stored times as text."""

from __future__ import annotations

from datetime import datetime


def moment_text(at: str) -> str:
    """Return a stored time in the time of this place, without the day when it is today; empty for none."""
    if not at:
        return ""
    moment = datetime.fromisoformat(at).astimezone()
    is_today = moment.date() == datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M")
