"""Times as Step Functions writes and compares them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timezone
from types import SimpleNamespace


def iso_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class IsoTexts:
    """Replaces the datetime module where moto makes a state's EnteredTime, which ends in Z."""

    timezone = timezone

    class datetime:  # noqa: N801
        @staticmethod
        def now(tz: timezone) -> SimpleNamespace:
            moment = datetime.now(tz)
            return SimpleNamespace(isoformat=lambda: iso_text(moment))


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def timestamp(text: object) -> datetime | None:
    """A Choice also compares times of the context object: moto does not parse fractions of a
    second."""
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
