"""Statements that prove money right: every row they answer is a difference.

They read what `persistence.sealing.scope` defines in front of them: everything, or what is not
sealed. Each answers (market, subject, expected, found). What is expected comes from the rows that
can't be edited without trace (postings, fills), or from the many where one is compared with a sum.
``%(market)s`` is the market asked for, or null for all.
"""

from ledger.balances.kinds import DAY_MS, HOUR_MS, MINUTE_MS
from persistence.reconciliation.differences import SqlCheck

JOURNAL_ENTRIES = SqlCheck(
    "journal entry",
    """
    WITH sums AS (
        SELECT entry_id, sum(amount_units) AS total FROM postings GROUP BY entry_id
    )
    SELECT e.market_id,
           'journal entry ' || COALESCE(e.id, s.entry_id) || COALESCE(' (' || e.kind || ')', ''),
           'postings that sum to 0',
           CASE WHEN e.id IS NULL THEN 'postings without their entry'
                WHEN s.entry_id IS NULL THEN 'no postings'
                ELSE 'a sum of ' || s.total END
      FROM entries e FULL JOIN sums s ON s.entry_id = e.id
     WHERE e.id IS NULL OR s.total IS DISTINCT FROM 0
    """,
)

JOURNAL_TOTAL = SqlCheck(
    "journal total",
    """
    SELECT NULL, 'all postings', '0', total::text
      FROM (SELECT COALESCE(sum(units), 0) AS total FROM account_totals) AS posted
     WHERE total <> 0
    """,
)

WALLETS = SqlCheck(
    "wallet",
    """
    WITH posted AS (
        SELECT user_id,
               COALESCE(sum(units) FILTER (WHERE kind = 'available'), 0) AS available,
               COALESCE(sum(units) FILTER (WHERE kind = 'held'), 0) AS held
          FROM account_totals
         WHERE kind IN ('available', 'held')
         GROUP BY user_id
    ), both_sides AS (
        SELECT COALESCE(w.user_id, posted.user_id) AS user_id,
               w.available_units, COALESCE(posted.available, 0) AS posted_available,
               w.held_units, COALESCE(posted.held, 0) AS posted_held
          FROM ledger_wallet w FULL JOIN posted ON posted.user_id = w.user_id
    )
    SELECT NULL, 'available of user ' || user_id, posted_available::text,
           COALESCE(available_units::text, 'no wallet')
      FROM both_sides WHERE available_units IS DISTINCT FROM posted_available
     UNION ALL
    SELECT NULL, 'held of user ' || user_id, posted_held::text,
           COALESCE(held_units::text, 'no wallet')
      FROM both_sides WHERE held_units IS DISTINCT FROM posted_held
    """,
)

# By orders, by commands on their way that bring money, and by withdrawals that haven't ended.
HELD_BY_ORDERS = SqlCheck(
    "held by orders",
    """
    WITH holds AS (
        SELECT user_id, held_units FROM checked_orders WHERE held_units > 0
         UNION ALL
        SELECT (payload->>'account_id')::bigint,
               CASE command_type WHEN 'AmendOrder' THEN (payload->>'hold_units')::bigint
                    ELSE greatest(0, (payload->>'amount_units')::bigint) END
          FROM trading_outboxcommand
         WHERE applied_seq IS NULL AND command_type IN ('AmendOrder', 'AdjustMargin')
         UNION ALL
        SELECT user_id, amount_units FROM ledger_withdrawal WHERE end_entry_id IS NULL
    ), placed AS (
        SELECT user_id, sum(held_units) AS held FROM holds GROUP BY user_id
    )
    SELECT NULL, 'held of user ' || COALESCE(w.user_id, placed.user_id),
           COALESCE(placed.held, 0)::text, COALESCE(w.held_units, 0)::text
      FROM ledger_wallet w FULL JOIN placed ON placed.user_id = w.user_id
     WHERE COALESCE(placed.held, 0) <> COALESCE(w.held_units, 0)
    """,
)

MARGIN = SqlCheck(
    "margin",
    """
    WITH posted AS (
        SELECT user_id, units AS margin FROM account_totals WHERE kind = 'margin'
    ), carried AS (
        SELECT user_id, sum(margin_units) AS margin FROM trading_position GROUP BY user_id
    )
    SELECT NULL, 'margin of user ' || COALESCE(carried.user_id, posted.user_id),
           COALESCE(posted.margin, 0)::text, COALESCE(carried.margin, 0)::text
      FROM carried FULL JOIN posted ON posted.user_id = carried.user_id
     WHERE COALESCE(posted.margin, 0) <> COALESCE(carried.margin, 0)
    """,
)

CLEARING = SqlCheck(
    "entry cost",
    """
    WITH posted AS (
        SELECT market_id, units AS clearing FROM account_totals WHERE kind = 'clearing'
    ), carried AS (
        SELECT market_id, sum(entry_cost_units) AS cost FROM trading_position GROUP BY market_id
    )
    SELECT m.id, 'entry cost of all positions',
           (-COALESCE(posted.clearing, 0))::text, COALESCE(carried.cost, 0)::text
      FROM markets_market m
      LEFT JOIN posted ON posted.market_id = m.id LEFT JOIN carried ON carried.market_id = m.id
     WHERE (%(market)s::text IS NULL OR m.id = %(market)s)
       AND COALESCE(posted.clearing, 0) + COALESCE(carried.cost, 0) <> 0
    """,
)

ACCOUNT_SIGNS = SqlCheck(
    "account sign",
    """
    SELECT market_id,
           kind || CASE WHEN user_id IS NULL THEN '' ELSE ' of user ' || user_id END,
           CASE kind WHEN 'deposits' THEN 'at most 0' ELSE 'at least 0' END,
           units::text
      FROM account_totals
     WHERE kind IN ('available', 'held', 'margin', 'insurance', 'deposits', 'withdrawals')
       AND CASE kind WHEN 'deposits' THEN units > 0 ELSE units < 0 END
    """,
)

DEPOSITS = SqlCheck(
    "deposit",
    """
    WITH credited AS (
        SELECT e.id AS entry_id, a.user_id, sum(p.amount_units) AS amount
          FROM entries e
          JOIN postings p ON p.entry_id = e.id
          JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'available'
         WHERE e.kind = 'deposit' GROUP BY e.id, a.user_id
    ), approved AS (
        SELECT id, entry_id, user_id, amount_units FROM ledger_deposit
         WHERE status = 'approved' AND COALESCE(entry_id > (SELECT after_entry FROM proven), true)
    )
    SELECT NULL,
           CASE WHEN d.id IS NULL THEN 'journal entry ' || c.entry_id ELSE 'deposit ' || d.id END,
           COALESCE(d.amount_units || ' to user ' || d.user_id, 'no deposit'),
           COALESCE(c.amount || ' to user ' || c.user_id, 'nothing credited')
      FROM approved d FULL JOIN credited c ON c.entry_id = d.entry_id AND c.user_id = d.user_id
     WHERE d.amount_units IS DISTINCT FROM c.amount
    """,
)

# Both ends of each, and no entry of the kind without its transfer.
TRANSFERS = SqlCheck(
    "transfer",
    """
    WITH moved AS (
        SELECT e.id AS entry_id, a.user_id, sum(p.amount_units) AS amount
          FROM entries e
          JOIN postings p ON p.entry_id = e.id
          JOIN ledger_account a ON a.id = p.account_id
         WHERE e.kind = 'transfer' GROUP BY e.id, a.user_id
    ), said AS (
        SELECT id, entry_id, from_user_id AS user_id, -amount_units AS amount FROM ledger_transfer
         WHERE entry_id > (SELECT after_entry FROM proven)
         UNION ALL
        SELECT id, entry_id, to_user_id, amount_units FROM ledger_transfer
         WHERE entry_id > (SELECT after_entry FROM proven)
    )
    SELECT NULL,
           CASE WHEN said.id IS NULL THEN 'journal entry ' || moved.entry_id
                ELSE 'transfer ' || said.id END,
           COALESCE(said.amount || ' to user ' || said.user_id, 'no transfer'),
           COALESCE(moved.amount || ' to user ' || moved.user_id, 'nothing moved')
      FROM said FULL JOIN moved
        ON moved.entry_id = said.entry_id AND moved.user_id = said.user_id
     WHERE said.amount IS DISTINCT FROM moved.amount
    """,
)

REFERRALS = SqlCheck(
    "referral payment",
    """
    WITH moved AS (
        SELECT e.id AS entry_id, a.user_id, sum(p.amount_units) AS amount
          FROM entries e
          JOIN postings p ON p.entry_id = e.id
          JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'available'
         WHERE e.kind = 'referral' GROUP BY e.id, a.user_id
    )
    SELECT NULL,
           CASE WHEN said.id IS NULL THEN 'journal entry ' || moved.entry_id
                ELSE 'referral payment ' || said.id END,
           COALESCE(said.amount_units || ' to user ' || said.referrer_id, 'no payment'),
           COALESCE(moved.amount || ' to user ' || moved.user_id, 'nothing paid')
      FROM (SELECT * FROM trading_referralpayment
             WHERE entry_id > (SELECT after_entry FROM proven)) said FULL JOIN moved
        ON moved.entry_id = said.entry_id AND moved.user_id = said.referrer_id
     WHERE said.amount_units IS DISTINCT FROM moved.amount
    """,
)

# Each held once, and ended once at most, with what it asked for.
WITHDRAWALS = SqlCheck(
    "withdrawal",
    """
    WITH moved AS (
        SELECT e.id, e.kind, a.user_id, sum(p.amount_units) AS held
          FROM entries e
          JOIN postings p ON p.entry_id = e.id
          JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'held'
         WHERE e.kind IN ('withdrawal_hold', 'withdrawal', 'withdrawal_back')
         GROUP BY e.id, e.kind, a.user_id
    ), asked AS (
        SELECT id, hold_entry_id AS entry_id, user_id, amount_units AS held,
               'withdrawal_hold' AS kind
          FROM ledger_withdrawal WHERE hold_entry_id > (SELECT after_entry FROM proven)
         UNION ALL
        SELECT id, end_entry_id, user_id, -amount_units,
               CASE state WHEN 'confirmed' THEN 'withdrawal' ELSE 'withdrawal_back' END
          FROM ledger_withdrawal WHERE end_entry_id > (SELECT after_entry FROM proven)
    )
    SELECT NULL,
           CASE WHEN asked.id IS NULL THEN 'journal entry ' || moved.id
                ELSE 'withdrawal ' || asked.id END,
           COALESCE(asked.kind || ' of ' || asked.held || ' of user ' || asked.user_id,
                    'no withdrawal'),
           COALESCE(moved.kind || ' of ' || moved.held || ' of user ' || moved.user_id,
                    'nothing moved')
      FROM asked FULL JOIN moved ON moved.id = asked.entry_id
     WHERE (asked.kind, asked.held, asked.user_id)
           IS DISTINCT FROM (moved.kind, moved.held, moved.user_id)
    """,
)

# Less the shares of them that were paid on.
FEES = SqlCheck(
    "fees",
    """
    WITH posted AS (
        SELECT COALESCE(sum(units), 0) AS fees FROM account_totals WHERE kind = 'fees'
    ), paid AS (
        SELECT (SELECT fee_units FROM proven) + (SELECT COALESCE(sum(fee_units), 0) FROM fills)
             - (SELECT COALESCE(sum(amount_units), 0) FROM trading_referralpayment) AS fees
    )
    SELECT NULL, 'fees account', paid.fees::text, posted.fees::text
      FROM paid, posted WHERE paid.fees <> posted.fees
    """,
)

# Wallets and positions as their rows have them, the rest from the journal.
CONSERVATION = SqlCheck(
    "conservation",
    """
    WITH posted AS (
        SELECT COALESCE(sum(units) FILTER (WHERE kind IN ('fees', 'insurance')), 0) AS kept,
               COALESCE(sum(units) FILTER
                        (WHERE kind IN ('deposits', 'withdrawals', 'adjustments')), 0) AS outside
          FROM account_totals
    ), inside AS (
        SELECT (SELECT COALESCE(sum(available_units + held_units), 0) FROM ledger_wallet)
             + (SELECT COALESCE(sum(margin_units - entry_cost_units), 0) FROM trading_position)
             + kept AS total, -outside AS came_in
          FROM posted
    )
    SELECT NULL, 'wallets + held + margin + insurance + fees − entry cost',
           came_in || ' (deposits − withdrawals + adjustments)', total::text
      FROM inside WHERE total <> came_in
    """,
)

# The newest of each account: the older ones are within it.
BALANCE_MARKS = SqlCheck(
    "balance mark",
    """
    SELECT NULL, 'balance mark of account ' || mark.account_id || ' up to ' || mark.posting_id,
           posted.total::text, mark.total_units::text
      FROM found_marks mark
     CROSS JOIN LATERAL (
            SELECT mark.after_units + COALESCE(sum(amount_units), 0) AS total FROM ledger_posting
             WHERE account_id = mark.account_id AND id > mark.after_posting_id
               AND id <= mark.posting_id) posted
     WHERE posted.total <> mark.total_units
    """,
)

# Days behind a seal, hours and minutes with everything: there are as many as the exchange is old.
KIND_FLOWS = SqlCheck(
    "sums of a kind",
    f"""
    WITH intervals (interval_ms, name) AS (
        SELECT * FROM (VALUES ({DAY_MS}, 'days'), ({HOUR_MS}, 'hours'), ({MINUTE_MS}, 'minutes')) i
         WHERE column1 = {DAY_MS} OR (SELECT after_entry FROM proven) = 0
    ), since AS (
        SELECT account_id, sum(amount_units) AS units FROM ledger_posting
         WHERE entry_id > (SELECT COALESCE(max(last_entry_id), 0) FROM ledger_kindflowend)
         GROUP BY account_id
    ), posted AS (
        SELECT kind, market_id, sum(units) AS units
          FROM (SELECT kind, market_id, user_id, units FROM account_totals
                 UNION ALL
                SELECT a.kind, a.market_id, a.user_id, -since.units FROM since
                 CROSS JOIN LATERAL (SELECT * FROM ledger_account WHERE id = since.account_id
                                     OFFSET 0) a) AS parts
         WHERE user_id IS NOT NULL OR kind = 'clearing'
         GROUP BY kind, market_id
    ), both_sides AS (
        SELECT interval_ms, kind, market_id, sum(posted) AS posted, sum(kept) AS kept
          FROM (SELECT interval_ms, kind, market_id, units AS posted, 0 AS kept
                  FROM posted CROSS JOIN intervals
                 UNION ALL
                SELECT interval_ms, account_kind, market_id, 0, amount_units
                  FROM ledger_kindflow
                 WHERE interval_ms IN (SELECT interval_ms FROM intervals)) AS parts
         WHERE %(market)s::text IS NULL OR market_id = %(market)s
         GROUP BY interval_ms, kind, market_id
    )
    SELECT market_id, kind || ' by ' || name, posted::text, kept::text
      FROM both_sides JOIN intervals USING (interval_ms)
     WHERE posted <> kept
    """,  # noqa: S608  numbers of ours
)

# Kept in parts as rows change, which looks at custody's balance add up.
FLOATS = SqlCheck(
    "float",
    """
    WITH kept AS (
        SELECT network, sum(float_units) AS moved, sum(credited_units) AS credited,
               sum(coming_units) AS coming, sum(sent_units) AS sent
          FROM custody_floatpart GROUP BY network
    ), counted AS (
        SELECT network, sum(moved) AS moved, sum(credited) AS credited, sum(coming) AS coming,
               sum(sent) AS sent
          FROM (SELECT network, amount_units, 0, 0, 0 FROM custody_floatmovement
                 UNION ALL
                SELECT network, 0, CASE state WHEN 'credited' THEN amount_units ELSE 0 END,
                       CASE state WHEN 'seen' THEN amount_units ELSE 0 END, 0
                  FROM custody_chaindeposit
                 UNION ALL
                SELECT network, 0, 0, 0, amount_units
                  FROM ledger_withdrawal WHERE state IN ('sent', 'confirmed')
               ) AS row (network, moved, credited, coming, sent)
         GROUP BY network
    )
    SELECT NULL, 'float on ' || network || ': ' || part.name, part.counted::text, part.kept::text
      FROM counted FULL JOIN kept USING (network)
     CROSS JOIN LATERAL (VALUES
           ('movements', COALESCE(counted.moved, 0), COALESCE(kept.moved, 0)),
           ('credited', COALESCE(counted.credited, 0), COALESCE(kept.credited, 0)),
           ('coming', COALESCE(counted.coming, 0), COALESCE(kept.coming, 0)),
           ('sent', COALESCE(counted.sent, 0), COALESCE(kept.sent, 0))
           ) part (name, counted, kept)
     WHERE part.counted <> part.kept
    """,
)

MONEY_CHECKS = (
    JOURNAL_ENTRIES,
    JOURNAL_TOTAL,
    WALLETS,
    HELD_BY_ORDERS,
    MARGIN,
    CLEARING,
    ACCOUNT_SIGNS,
    DEPOSITS,
    TRANSFERS,
    REFERRALS,
    WITHDRAWALS,
    FEES,
    CONSERVATION,
    BALANCE_MARKS,
    KIND_FLOWS,
    FLOATS,
)
