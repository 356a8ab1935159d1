"""What a community may set about its drifting books; all of it is our own choice."""

from __future__ import annotations

from core.plugin import Settings, setting


class BookDriftingSettings(Settings):
    """How long, and how many."""

    loan_days: int = setting(30, "How long a book may be kept.", unit="DAY", ge=1, le=120)
    most_open_loans: int = setting(3, "How many books one person may have at a time.", ge=1, le=20)
    remind_days: int = setting(3, "How long before the due day the borrower is reminded.", unit="DAY", ge=0, le=30)
