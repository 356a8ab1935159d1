"""What a community may set about its wishes."""

from __future__ import annotations

from core.plugin import Settings, setting
from plugins.wishes import rules


class WishesSettings(Settings):
    """Caps and periods; all of them our own choice, modelled on practice elsewhere (domain §4.1)."""

    value_cap_fen: int = setting(
        rules.VALUE_CAP_FEN.value, "What a wish may be worth at most.", unit="FEN", source=rules.VALUE_CAP_FEN.source,
        ge=0, le=500_000,
    )  # fmt: skip
    screening_working_days: int = setting(
        rules.SCREENING_WORKING_DAYS.value, "Within how many working days a wish is screened.", unit="WORKING_DAY",
        source=rules.SCREENING_WORKING_DAYS.source, ge=1, le=10,
    )  # fmt: skip
    open_days: int = setting(
        rules.OPEN_DAYS.value, "How long a wish stays on the wall unclaimed.", unit="DAY", source=rules.OPEN_DAYS.source,
        ge=7, le=365,
    )  # fmt: skip
    lease_days: int = setting(
        rules.LEASE_DAYS.value, "How long a claim holds until both agree.", unit="DAY", source=rules.LEASE_DAYS.source,
        ge=1, le=30,
    )  # fmt: skip
    fulfil_days: int = setting(
        rules.FULFIL_DAYS.value, "Within how many days an agreed wish is delivered.", unit="DAY",
        source=rules.FULFIL_DAYS.source, ge=1, le=180,
    )  # fmt: skip
    most_open_claims: int = setting(
        rules.MOST_OPEN_CLAIMS.value, "How many claims one person may have open.", source=rules.MOST_OPEN_CLAIMS.source,
        ge=1, le=10,
    )  # fmt: skip
