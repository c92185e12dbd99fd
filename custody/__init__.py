"""The outside world's money: one small interface to whoever keeps it, and what they tell us.

Theory of operation. A network is a way for money to come and go; each is served by a custody, which
is one of the implementations of `interface.Custody`: `demo` speaks to a process that plays a chain,
`manual` is an operator who enters references. No other room speaks to a custody.

**Out.** The ledger commits a `Payout` with each approval. `sending` takes those that are due, one
by one: it commits that the withdrawal is on its way, then asks custody, under an id that never
changes, and so sends once however often it asks.

**In.** Custody has news: numbered, each about one transfer. Webhooks bring them soon
(`http.webhooks` looks at the signature, stores and answers), polling brings what they lost. `inbox`
keeps each number once and works them off; a deposit follows only news that is newer than what it
knows, so they may come doubled and in any order (`deposits`). It is credited once, as many
confirmations later as its network takes; until then a reorganised chain takes it back.

**Trust.** Custody is believed as far as it can be checked. What can't be (a payout nobody asked
for, an amount that changed, a deposit taken back after it was credited) changes nothing: it becomes
a case for an operator (`cases`), and stops what goes by itself. So does a balance that isn't what
our rows say (`floats`).
"""
