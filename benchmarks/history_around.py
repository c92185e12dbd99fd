"""What a long-lived exchange has around its trading: people and their keys, money that came in and
went out, tiers and referrals, algos, mails, alerts, proposals, audit, and all that is summed up as
it happens. Made like `benchmarks.history`, whose rows it follows, and as little provable."""

STATEMENTS = """
UPDATE accounts_user SET parent_id = CASE WHEN id % 100 = 0 THEN 1 ELSE 1 + id % ($users / 2) END
 WHERE id > $users - $users / 50;
INSERT INTO accounts_person (user_id, mail, mail_verified_at, new_mail, name, country, muted,
                             margin_call_percent)
SELECT n, 'trader' || n || '@example.com', now(), '', 'Name ' || n, 'PT', '{}', 80
  FROM generate_series(1, $users) n;
INSERT INTO accounts_apikey (user_id, name, public_id, public_key, may_read, may_trade,
                             may_withdraw, addresses, revoke_reason, revoked_at)
SELECT 1 + n % ($users / 5), 'bot ' || n, md5(n::text), decode(md5(n::text), 'hex'), true, true,
       false, '{}', '', CASE WHEN n % 4 = 0 THEN now() END
  FROM generate_series(1, $users / 5) n;
INSERT INTO accounts_verification (user_id, level, reason)
SELECT n, n % 4, 'papers seen' FROM generate_series(1, $users / 2) n;
INSERT INTO accounts_identityevent (event_id, user_id, level, is_applied, occurred_at, outcome)
SELECT md5(n::text), n, n % 4, true, now(), 'applied' FROM generate_series(1, $users / 2) n;
INSERT INTO accounts_termsversion (id, version, text, in_force_at, published_by_id)
VALUES (1, 1, 'Trade fairly.', now(), 2);
INSERT INTO accounts_termsacceptance (user_id, terms_id)
SELECT n, 1 FROM generate_series(1, $users) n;
INSERT INTO accounts_signinfailure (username, step, address, failed_at)
SELECT 'trader' || n, 'password', '203.0.113.9', now() - make_interval(secs => $users - n)
  FROM generate_series(1, $users / 5) n;
INSERT INTO accounts_closure (user_id, reopen_reason)
SELECT n, '' FROM generate_series($users / 2, $users / 2 + $users / 50) n;
INSERT INTO accounts_freeze (user_id, reason, was_active, frozen_by_id, reduces, reductions,
                             lifted_at)
SELECT n, 'looked at', true, 2, false, '{}', now() FROM generate_series(100, 300) n;
INSERT INTO accounts_referralcode (id, code, user_id, referred_count, paid_units)
SELECT n, 'CODE' || n, n, 10, 1000 FROM generate_series(1, $users / 50) n;
INSERT INTO accounts_referral (user_id, referrer_id, code_id)
SELECT n, 1 + n % ($users / 50), 1 + n % ($users / 50)
  FROM generate_series($users / 4, $users / 2) n;
INSERT INTO trading_referralpayment (referral_id, user_id, referrer_id, day, fee_units, share_ppm,
                                     amount_units, entry_id, paid_at)
SELECT referral.user_id, referral.user_id, referrer_id, current_date - ago, 1000, 100000, 100,
       20 * ($orders + $users)::bigint + 4 * $users + 5 * referral.user_id
           + ago, now() - make_interval(days => ago)
  FROM accounts_referral referral, generate_series(0, 4) ago;
INSERT INTO trading_tiermove (user_id, day, from_tier, to_tier, volume_units, moved_at)
SELECT n, current_date - n % 60, '', 'Makers', 1000000, now() - make_interval(days => n % 60)
  FROM generate_series(1, $users / 2) n;
INSERT INTO trading_traderday (market_id, day, user_id, volume_units, fee_units,
                               realized_pnl_units)
SELECT market, current_date - ago, n, 5000000, 2500, n % 1000 - 500
  FROM unnest('{BTC-PERP,ETH-PERP}'::text[]) market, generate_series(0, 44) ago,
       generate_series(1, $users) n WHERE n = 1 OR (n + ago) % 15 = 0;
INSERT INTO trading_tierday (market_id, day, tier_id, volume_units, fee_units)
SELECT market, current_date - ago, tier, 5000000000, 2500000
  FROM unnest('{BTC-PERP,ETH-PERP}'::text[]) market, generate_series(0, 364) ago,
       generate_series(0, 2) tier;
INSERT INTO ledger_accountflow (interval_ms, start_ms, market_id, account_kind, entry_kind,
                                amount_units)
SELECT 3600000, (extract(epoch FROM now())::bigint / 3600 - n) * 3600000, market, account,
       CASE WHEN account = 'deposits' THEN 'deposit' ELSE 'fill' END, 1000
  FROM generate_series(0, $orders / 50) n,
       (VALUES ('BTC-PERP', 'fees'), ('ETH-PERP', 'fees'), ('BTC-PERP', 'insurance'),
               ('ETH-PERP', 'insurance'), (NULL, 'deposits'), (NULL, 'withdrawals'))
       AS kept (market, account);
INSERT INTO ledger_accountflow (interval_ms, start_ms, market_id, account_kind, entry_kind,
                                amount_units)
SELECT 60000, (extract(epoch FROM now())::bigint / 60 - n) * 60000, market, 'fees', 'fill', 1000
  FROM generate_series(0, $orders / 10) n, unnest('{BTC-PERP,ETH-PERP}'::text[]) market;
INSERT INTO trading_pricecandle (
    market_id, interval_ms, start_ms, mark_open_ticks, mark_high_ticks, mark_low_ticks,
    mark_close_ticks, index_open_ticks, index_high_ticks, index_low_ticks, index_close_ticks)
SELECT 'BTC-PERP', ms, (1760000000000 / ms - n) * ms, 500000, 500100, 499900, 500000,
       500000, 500100, 499900, 500000
  FROM generate_series(1, 40000) n, unnest('{60000,3600000}'::integer[]) ms;
INSERT INTO trading_marketstanding (market_id, taken_ms, open_interest_lots, long_accounts,
                                    short_accounts, insurance_units)
SELECT 'BTC-PERP', (1760000000000 / 300000 - n) * 300000, 1000, 10, 10, 1000000
  FROM generate_series(1, 20000) n;
INSERT INTO ledger_withdrawaladdress (id, user_id, network, address, label, added_at, usable_at)
SELECT n, CASE WHEN n <= 20 THEN 1 ELSE n END, 'demo', 'dm1' || md5(n::text), 'mine',
       now() - interval '2 days', now() - interval '1 day'
  FROM generate_series(1, $users) n;
INSERT INTO ledger_withdrawal (
    id, user_id, amount_units, network, address, entry_in_book_id, idempotency_key, state, needed,
    flags, send_id, reference, confirmations, requested_at, state_at, hold_entry_id, end_entry_id)
SELECT n, CASE WHEN n % 4 = 0 THEN 1 ELSE 1 + n % $users END, 1000000, 'demo',
       'dm1' || md5(n::text), 1 + n % $users, 'w' || n,
       CASE WHEN n > $users - 200 THEN 'waiting' WHEN n % 50 = 0 THEN 'failed' ELSE 'confirmed' END,
       0, '{}', gen_random_uuid(), 'tx' || n, 3, now() - make_interval(secs => $users - n),
       now() - make_interval(secs => $users - n), 20 * ($orders + $users)::bigint + n,
       CASE WHEN n <= $users - 200 THEN 20 * ($orders + $users)::bigint + $users + n END
  FROM generate_series(1, $users) n;
INSERT INTO ledger_withdrawalstep (withdrawal_id, before, after, by, words, stepped_at)
SELECT id, step.before, step.after, step.by, '', state_at
  FROM ledger_withdrawal,
       (VALUES ('', 'approved', 'trader'), ('approved', 'sending', 'exchange'),
               ('sending', 'confirmed', 'custody')) step (before, after, by)
 WHERE state = 'confirmed';
INSERT INTO ledger_payout (withdrawal_id, key, state, tries, ended_at, last_error)
SELECT id, send_id, 'sent', 1, state_at, '' FROM ledger_withdrawal WHERE state <> 'waiting';
INSERT INTO ledger_journalentry (id, kind, created_at)
SELECT hold_entry_id, 'withdrawal_hold', requested_at FROM ledger_withdrawal
 UNION ALL
SELECT end_entry_id, CASE state WHEN 'failed' THEN 'withdrawal_back' ELSE 'withdrawal' END, state_at
  FROM ledger_withdrawal WHERE end_entry_id IS NOT NULL;
INSERT INTO custody_depositaddress (network, address, user_id)
SELECT 'demo', 'dm1in' || n, n FROM generate_series(1, $users) n;
INSERT INTO custody_chaindeposit (network, reference, user_id, address, amount_units, state,
                                  confirmations, needed, seq, problem, deposit_id)
SELECT 'demo', 'tx' || n, n, 'dm1in' || n, 1000000,
       CASE WHEN n > $users - 50 THEN 'seen' ELSE 'credited' END, 3, 3, n, '',
       CASE WHEN n <= $users - 50 THEN n END
  FROM generate_series(1, $users) n;
INSERT INTO custody_floatpart (network, credited_units) VALUES ('demo', 1000000);
INSERT INTO custody_custodynews (network, seq, body, applied_at)
SELECT 'demo', n, '{}', now() FROM generate_series(1, $users) n;
INSERT INTO custody_custodycase (network, kind, subject, words, said, resolution, resolved_at)
SELECT 'demo', 'stranger', n::text, 'nobody''s', '{}', 'seen',
       CASE WHEN n > 20 THEN now() END FROM generate_series(1, $users / 100) n;
INSERT INTO ledger_transfer (sender_id, receiver_id, from_user_id, to_user_id, amount_units,
                             idempotency_key, entry_id, transferred_at)
SELECT CASE WHEN n % 4 = 0 THEN 1 ELSE n + 1 END, n + 2,
       CASE WHEN n % 4 = 0 THEN 1 ELSE n + 1 END, n + 2, 1000, 't' || n,
       20 * ($orders + $users)::bigint + 2 * $users + n, now() - make_interval(secs => $users - n)
  FROM generate_series(1, $users - 2) n;
INSERT INTO ledger_journalentry (id, kind, created_at)
SELECT entry_id, 'transfer', transferred_at FROM ledger_transfer;
INSERT INTO approvals_proposal (id, kind, subject, title, changes, payload, reason, status,
                                author_id, beneficiary_ids, proposed_at, expires_at, decided_by_id,
                                decided_at, outcome)
SELECT n, 'adjust_wallet', 'r' || n, 'Adjustment ' || n, '[]', '{}', 'it was late',
       CASE WHEN n > $users / 10 - 50 THEN 'waiting' ELSE 'approved' END, 2, '{}',
       now() - make_interval(secs => $users / 10 - n), now() + interval '1 day',
       CASE WHEN n <= $users / 10 - 50 THEN 3 END, CASE WHEN n <= $users / 10 - 50 THEN now() END,
       ''
  FROM generate_series(1, $users / 10) n;
INSERT INTO ledger_adjustment (user_id, amount_units, category, reference, reason, proposal_id,
                               entry_id, adjusted_at)
SELECT 1 + n % $users, 1000, 'refund', 'r' || n, 'it was late', n,
       20 * ($orders + $users)::bigint + 3 * $users + n, now()
  FROM generate_series(1, $users / 10 - 50) n;
INSERT INTO ledger_journalentry (id, kind, created_at)
SELECT entry_id, 'adjustment', adjusted_at FROM ledger_adjustment;
INSERT INTO ledger_posting (entry_id, account_id, amount_units)
SELECT line.entry_id, account.id, line.units
  FROM (SELECT hold_entry_id AS entry_id, user_id, 'available' AS kind, -amount_units AS units
          FROM ledger_withdrawal
         UNION ALL
        SELECT hold_entry_id, user_id, 'held', amount_units FROM ledger_withdrawal
         UNION ALL
        SELECT end_entry_id, user_id, 'held', -amount_units
          FROM ledger_withdrawal WHERE end_entry_id IS NOT NULL
         UNION ALL
        SELECT entry_id, from_user_id, 'available', -amount_units FROM ledger_transfer
         UNION ALL
        SELECT entry_id, to_user_id, 'available', amount_units FROM ledger_transfer
         UNION ALL
        SELECT entry_id, user_id, 'available', amount_units FROM ledger_adjustment) line
  JOIN ledger_account account ON account.user_id = line.user_id AND account.kind = line.kind;
CREATE TEMP TABLE posted ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY entry.created_at, posting.id) AS place, posting.entry_id,
       posting.account_id, posting.amount_units, entry.created_at
  FROM ledger_posting posting JOIN ledger_journalentry entry ON entry.id = posting.entry_id;
INSERT INTO ledger_kindflow (interval_ms, start_ms, account_kind, market_id, amount_units)
SELECT ms, floor(extract(epoch FROM posted.created_at) * 1000 / ms)::bigint * ms, account.kind,
       account.market_id, sum(posted.amount_units)
  FROM posted JOIN ledger_account account ON account.id = posted.account_id,
       unnest('{60000,3600000,86400000}'::integer[]) ms
 WHERE account.user_id IS NOT NULL OR account.kind = 'clearing'
 GROUP BY 1, 2, 3, 4;
INSERT INTO ledger_kindflowend (id, last_entry_id)
SELECT 1, max(id) FROM ledger_journalentry;
TRUNCATE ledger_posting;
INSERT INTO ledger_posting (id, entry_id, account_id, amount_units)
SELECT place, entry_id, account_id, amount_units FROM posted ORDER BY place;
INSERT INTO ledger_journalmoment (at, posting_id)
SELECT date_trunc('hour', created_at) + interval '1 hour', max(place) FROM posted GROUP BY 1;
INSERT INTO mails_mail (key, state, tries, ended_at, last_error, "to", subject, body)
SELECT 'm' || n, 'sent', 1, now(), '', 'trader' || n || '@example.com', 'Hello', 'Hello'
  FROM generate_series(1, $users) n;
INSERT INTO console_alert (rule_id, measure, subject, market_id, severity, words, threshold, value,
                           worst_value, last_value, breached_at, measured_at, opened_at, closed_at,
                           closed_why, told_severity, note)
SELECT (SELECT min(id) FROM console_alertrule WHERE measure = 'engine_lag'), 'engine_lag',
       'BTC-PERP ' || n, 'BTC-PERP', 'warning', 'late', 1, 2, 2, 2, now(), now(), now(),
       CASE WHEN n > 20 THEN now() END, CASE WHEN n > 20 THEN 'clear again' ELSE '' END, '', ''
  FROM generate_series(1, $users / 5) n;
INSERT INTO console_auditrow (id, acted_at, operator_id, operator_name, session, object_kind,
                              object_key, object_words, verb, words, reason, market, previous_hash,
                              hash)
SELECT n, now() - make_interval(secs => $orders / 5 - n), 2 + n % 8, 'trader000000' || 2 + n % 8,
       '', 'trading.order', n::text, 'Order ' || n, 'changed', 'cancelled', '', 'BTC-PERP',
       md5((n - 1)::text), md5(n::text)
  FROM generate_series(1, $orders / 5) n;
INSERT INTO console_audithead (id, rows, hash) VALUES (1, $orders / 5, md5('')) ON CONFLICT (id)
   DO UPDATE SET rows = excluded.rows;
INSERT INTO trading_algo (
    id, user_id, market_id, kind, client_algo_id, terms_asked, side, size_lots, time_in_force,
    from_ticks, to_ticks, limit_ticks, max_slippage_ppm, margin_units, leverage, reduce_only,
    slices_planned, interval_s, slots_left, slices_sent, refusals, filled_lots, filled_cost_units,
    state, reason, reason_words, created_at, updated_at, ended_at)
SELECT n, CASE WHEN n % 4 = 0 THEN 1 ELSE 1 + n % $users END, 'BTC-PERP', 'TWAP', 'algo-' || n,
       '{}', 'LONG', 100, 'IOC', 0, 0, 0, 0, 0, 10, false, 10, 30, 0, 10, 0, 100, 5000000000,
       'done', '', '', now(), now(), now()
  FROM generate_series(1, $orders / 50) n;
INSERT INTO trading_algoslice (algo_id, number, size_lots, order_id, code, words, is_over, sent_at)
SELECT algo.id, number, 10, 10 * algo.id + number - 10, '', '', true, now()
  FROM trading_algo algo, generate_series(1, 10) number;
INSERT INTO persistence_dailyfile (market_id, kind, day, row_count, size_bytes, sha256, fault,
                                   made_at)
SELECT market.id, kind, current_date - ago, 1000, 10000, md5(ago::text), '', now()
  FROM markets_market market, unnest('{trades,candles}'::text[]) kind, generate_series(1, 730) ago;
INSERT INTO trading_faultystatement (user_id, start, difference, found_at)
SELECT n, now(), '{}', now() FROM generate_series(1, 100) n;
INSERT INTO announcements_announcement (text, level, shown_from, shown_until, stops_markets,
                                        made_by_id, made_at)
SELECT 'Notice ' || n, 'info', now() - make_interval(days => n), now(), false, 2, now()
  FROM generate_series(1, 100) n"""
