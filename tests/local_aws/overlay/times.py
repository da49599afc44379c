"""Parses times, and moves times back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)((?:\.\d+)?(?:Z|[+-]\d\d:\d\d))")


def instant(raw: Any) -> datetime:
    """A time of a call in UTC. moto gives it as a datetime or as text, with or without a time zone."""
    at = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def earlier(text: str, by: timedelta) -> str:
    """The RFC 3339 time in `text`, moved back, in the same format. Any other text is returned unchanged."""
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return text
    at, rest = found.groups()
    try:
        return (datetime.fromisoformat(at) - by).strftime("%Y-%m-%dT%H:%M:%S") + rest
    except (ValueError, OverflowError):
        return text
