"""What is only ever added to: versions of a market's rules, and what moved money by rule."""

from common.postgres.schema.append_only import only_add_to, refuse_changes

VERSIONS_APPEND_ONLY = refuse_changes(
    "trading_refuse_version_change", "versions of rules are", "market_version_append_only"
) + only_add_to(
    "trading_marketversion", "market_version_append_only", "trading_refuse_version_change"
)

APPEND_ONLY = "".join(
    only_add_to(f"trading_{table}", f"{table}_append_only", "ledger_refuse_change")
    for table in ("tiermove", "referralrule", "referralpayment")
)

FILES_APPEND_ONLY = "".join(
    only_add_to(f"trading_{table}", f"{table}_append_only", "ledger_refuse_change")
    for table in ("archivedtrader", "archivedmarket", "archivedorder")
)
