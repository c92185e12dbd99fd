"""Which modules are mutated, and the tests beside each: quick ones first."""

from pathlib import Path

# Django glue: what operators see of it has tests of pages, and columns are what migrations say.
GLUE = ("admin.py", "_admin.py", "apps.py", "urls.py", "models.py", "__init__.py")

LEDGER = (
    "tests/ledger/test_posting_rules.py",
    "tests/ledger/test_persistence.py",
    "tests/ledger/test_perpetual_events.py",
    "tests/ledger/test_conditional_orders.py",
    "tests/ledger/test_attached_orders.py",
    "tests/ledger/test_order_terms.py",
    "tests/ledger/test_second_deliveries.py",
    "tests/ledger/test_position_leverage.py",
    "tests/ledger/test_poison.py",
    "tests/ledger/test_locks.py",
    "tests/ledger/test_reach.py",
    "tests/ledger/test_rebuilding_equity.py",
    "tests/ledger/test_consistency.py",
)
STARTING = (
    "tests/recovery/test_exactly_at.py",
    "tests/recovery/test_rebuildengine.py",
    "tests/recovery/test_terms_rebuilt.py",
    "tests/recovery/test_attached_rebuilt.py",
    "tests/recovery/test_pairs_rebuilt.py",
    "tests/recovery/test_icebergs_rebuilt.py",
    "tests/recovery/test_bounded.py",
    "tests/recovery/test_starting_points.py",
)
RECONCILE = (
    "tests/reconcile/test_planted_everywhere.py",
    "tests/reconcile/test_planted.py",
    "tests/reconcile/test_planted_perps.py",
    "tests/reconcile/test_planted_withdrawals.py",
    "tests/reconcile/test_runs.py",
    "tests/reconcile/test_clean.py",
    "tests/families/test_statements.py",
)
CORE = (
    "tests/matching/test_holds.py",
    "tests/matching/test_exact_limits.py",
    "tests/matching/test_invariants.py",
    "tests/matching/test_forced_to_the_unit.py",
    "tests/matching/test_too_old.py",
    "tests/matching/test_book_levels.py",
    "tests/matching/test_worked_examples.py",
    "tests/matching/test_scenarios_orders.py",
    "tests/matching/test_scenarios_self.py",
    "tests/matching/test_scenarios_money.py",
    "tests/matching/test_scenarios_conditional.py",
    "tests/matching/test_scenarios_attached.py",
    "tests/matching/test_ends_of_attached.py",
    "tests/matching/test_scenarios_amending_waiting.py",
    "tests/matching/test_scenarios_pairs.py",
    "tests/matching/test_scenarios_icebergs.py",
    "tests/matching/test_scenarios_matched.py",
    "tests/matching/test_scenarios_liquidation.py",
    "tests/matching/test_scenarios_settling.py",
    "tests/matching/test_scenarios_tiers.py",
    "tests/matching/test_scenarios_margin.py",
    "tests/matching/test_who_pays.py",
    "tests/matching/test_funding_rules.py",
    "tests/matching/test_settings_changed.py",
    "tests/matching/test_due_times.py",
    "tests/matching/test_terms_kept.py",
    "tests/matching/test_protective_orders.py",
    "tests/matching/test_ranking.py",
    "tests/matching/test_bounds.py",
    "tests/matching/test_against_naive.py",
    "tests/matching/test_against_naive_money.py",
    "tests/matching/test_perps_random.py",
)
ACCOUNTS = (
    "tests/accounts/test_bounds.py",
    "tests/accounts/test_sessions.py",
    "tests/accounts/test_ended_sessions.py",
    "tests/accounts/test_suspension.py",
    "tests/accounts/test_staff_sessions.py",
    "tests/security/test_guessing.py",
)
FACTORS = (
    "tests/factors/test_traders.py",
    "tests/factors/test_operators.py",
    "tests/security/test_second_factors.py",
    "tests/security/test_factor_resets.py",
)
KEYS = (
    "tests/accounts/test_keys.py",
    "tests/security/test_keys.py",
    "tests/security/test_key_powers.py",
    "tests/security/test_keys_served.py",
)
FAMILIES = ("tests/families/test_accounts.py", "tests/families/test_transfers.py")
LAW = (
    "tests/people/test_terms.py",
    "tests/people/test_countries.py",
    "tests/people/test_identity.py",
)
VERIFICATION = ("tests/people/test_levels.py", "tests/withdrawals/test_asking.py", *LAW)
PEOPLE = (
    "tests/people/test_mail.py",
    "tests/people/test_resets.py",
    "tests/people/test_closing.py",
    "tests/people/test_erasing.py",
    "tests/people/test_kept.py",
)
NOTICES = ("tests/people/test_notices.py", "tests/trading/test_notices.py", *PEOPLE)
WITHDRAWALS = (
    "tests/withdrawals/test_states.py",
    "tests/withdrawals/test_asking.py",
    "tests/security/test_withdrawals.py",
    "tests/withdrawals/test_never_below_zero.py",
)
PLACING = (
    "tests/trading/test_placing.py",
    "tests/trading/test_boundaries.py",
    "tests/trading/test_reach.py",
    "tests/trading/test_attached.py",
    "tests/trading/test_pairs.py",
    "tests/trading/test_icebergs.py",
    "tests/trading/test_matched.py",
    "tests/trading/test_client_order_ids.py",
    "tests/trading/test_together.py",
    "tests/trading/test_repeats.py",
    "tests/trading/test_overdraw.py",
)

# The first row that fits a module is its own. Keys are modules or folders.
ROOMS: dict[str, tuple[str, ...]] = {
    "matching/core": CORE,
    "matching/messages/holds.py": (
        "tests/matching/test_holds.py",
        "tests/trading/test_placing.py",
        "tests/ledger/test_conditional_orders.py",
        "tests/matching/test_scenarios_matched.py",
    ),
    "ledger/services.py": (
        "tests/ledger/test_deposits.py",
        "tests/ledger/test_reach.py",
        "tests/security/test_four_eyes.py",
        "tests/security/test_limits.py",
    ),
    "ledger/withdrawals": WITHDRAWALS,
    "ledger/models/withdrawal_states.py": WITHDRAWALS,
    "ledger/models/withdrawal_terms.py": WITHDRAWALS,
    "ledger/models/withdrawals.py": WITHDRAWALS,
    "ledger/transfers": ("tests/families/test_transfers.py", "tests/trading/test_schema.py"),
    "ledger/adjustments.py": ("tests/approvals/test_adjustments.py",),
    "ledger/models/adjustments.py": ("tests/approvals/test_adjustments.py",),
    "ledger/balances": ("tests/families/test_statements.py", "tests/console/test_money.py"),
    "ledger/holds.py": (
        "tests/trading/test_placing.py",
        "tests/trading/test_boundaries.py",
        "tests/trading/test_overdraw.py",
        "tests/withdrawals/test_never_below_zero.py",
        "tests/withdrawals/test_asking.py",
        *LEDGER,
    ),
    "ledger/signals.py": ("tests/ledger/test_deposits.py", "tests/ledger/test_persistence.py"),
    "persistence/writing/candles.py": (
        "tests/ledger/test_candles.py",
        "tests/ledger/test_price_history.py",
    ),
    "persistence/faults.py": (
        "tests/ledger/test_faults.py",
        "tests/ledger/test_reach.py",
        "tests/security/test_forged_commands.py",
    ),
    "persistence/listener.py": (
        "tests/ledger/test_listener_steps.py",
        "tests/ledger/test_listener.py",
    ),
    "persistence/bootsteps.py": ("tests/ledger/test_listener_steps.py",),
    "persistence/tasks.py": (
        "tests/platform/test_tasks.py",
        "tests/ledger/test_listener.py",
        "tests/reconcile/test_runs.py",
    ),
    "persistence/downloads": ("tests/downloads/test_daily_files.py",),
    "persistence/snapshots": ("tests/ledger/test_snapshot.py",),
    "persistence/price_moves.py": (
        "tests/ledger/test_price_moves.py",
        "tests/ledger/test_price_history.py",
    ),
    "persistence/projection/prices.py": ("tests/ledger/test_price_history.py", *LEDGER),
    "persistence/reading.py": ("tests/ledger/test_shared_markets.py", *LEDGER),
    "persistence/recovery/left_behind.py": ("tests/ledger/test_listener.py",),
    "persistence/recovery/looking.py": (
        "tests/recovery/test_looking.py",
        "tests/ledger/test_shared_markets.py",
        "tests/recovery/test_starting_points.py",
    ),
    "persistence/worker_heartbeat.py": (
        "tests/ledger/test_listener.py",
        "tests/admin/test_status.py",
    ),
    "ledger/api.py": (
        "tests/ledger/test_reads.py",
        "tests/ledger/test_deposits.py",
        "tests/trading/test_schema.py",
    ),
    "ledger/selectors.py": ("tests/ledger/test_reads.py", "tests/trading/test_lists.py"),
    "persistence/recovery/archive.py": (
        "tests/ledger/test_reach.py",
        "tests/recovery/test_bounded.py",
    ),
    "persistence/recovery/rebuilt_snapshot.py": (
        "tests/ledger/test_conditional_orders.py",
        "tests/ledger/test_perpetual_events.py",
        "tests/ledger/test_consistency.py",
        "tests/reconcile/test_planted.py",
        "tests/reconcile/test_planted_perps.py",
        "tests/recovery/test_starting_points.py",
        "tests/recovery/test_attached_rebuilt.py",
        "tests/recovery/test_pairs_rebuilt.py",
        "tests/recovery/test_icebergs_rebuilt.py",
    ),
    "persistence/recovery/live_engines.py": ("tests/ledger/test_engines.py", *STARTING),
    "persistence/recovery/continuity.py": (*STARTING, "tests/ledger/test_poison.py"),
    "persistence/recovery/kept_snapshots.py": STARTING,
    "persistence/recovery/starting_points.py": STARTING,
    "persistence/reconciliation/lives.py": (*RECONCILE, "tests/ledger/test_consistency.py"),
    "persistence/reconciliation": RECONCILE,
    "persistence/projection/candles.py": ("tests/ledger/test_candles.py",),
    "persistence": LEDGER,
    "ledger/tables.py": ("tests/admin/test_journal_tables.py",),
    "ledger": LEDGER,
    "accounts/api.py": (*ACCOUNTS, "tests/trading/test_schema.py"),
    "accounts/staff/sessions.py": ("tests/accounts/test_staff_sessions.py",),
    "accounts/staff/sign_in.py": ("tests/security/test_guessing.py",),
    "accounts/tasks.py": (*ACCOUNTS, "tests/platform/test_tasks.py"),
    "accounts/staff/invitations.py": ("tests/console/test_invitations.py",),
    "accounts/staff": ("tests/console/test_operators.py", "tests/console/test_invitations.py"),
    "accounts/factors": FACTORS,
    "accounts/models/factors.py": FACTORS,
    "accounts/sealing.py": (*FACTORS, *KEYS),
    "accounts/keys": KEYS,
    "accounts/families": FAMILIES,
    "accounts/law": LAW,
    "accounts/models/law.py": LAW,
    "accounts/verification": VERIFICATION,
    "accounts/models/verification.py": VERIFICATION,
    "accounts/people": PEOPLE,
    "accounts/models/people.py": PEOPLE,
    "accounts/access/mail_addresses.py": PEOPLE,
    "accounts/access/unlocking.py": ("tests/security/test_guessing.py", *PEOPLE),
    "accounts/access/single_use.py": PEOPLE,
    "accounts/notices": NOTICES,
    "accounts/referrals": ("tests/families/test_referrals.py",),
    "accounts/throttles.py": (*ACCOUNTS, "tests/security/test_addresses.py"),
    "accounts/access": (*ACCOUNTS, "tests/security/test_sessions.py"),
    "accounts": ACCOUNTS,
    "trading/intake/decisions.py": ("tests/trading/test_decisions.py",),
    "trading/intake": (
        "tests/trading/test_intake_plain.py",
        "tests/trading/test_intake.py",
        "tests/trading/test_intake_rubbish.py",
        "tests/trading/test_boundaries.py",
    ),
    "trading/orders/hold.py": (
        "tests/trading/test_leverage.py",
        "tests/trading/test_amending.py",
        "tests/trading/test_boundaries.py",
        "tests/trading/test_reach.py",
    ),
    "trading/orders/insert.py": PLACING,
    "trading/orders/place.py": PLACING,
    "trading/orders/isolation.py": ("tests/security/test_isolation_of_requests.py",),
}


def tests_of(module: str) -> tuple[str, ...]:
    for room, tests in ROOMS.items():
        if module == room or module.startswith(room + "/"):
            return tests
    raise LookupError(f"no row of the table fits {module}")


def modules(tree: Path, only: str) -> list[str]:
    """All that a row fits and that is no glue, or those of them below ``only``."""
    found = set()
    for room in ROOMS:
        path = tree / room
        for file in [path] if path.is_file() else path.rglob("*.py"):
            name = file.relative_to(tree).as_posix()
            parts = name.split("/")
            if name.endswith(GLUE) or {"admin", "migrations", "management"} & set(parts):
                continue
            if name == only or name.startswith(only):
                found.add(name)
    return sorted(found)
