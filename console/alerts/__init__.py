"""Alerts: what is measured against what an operator wants to be told of.

Theory of operation. A *measure* (`vocabulary`, `measures`) is one figure of the exchange, of each
market, or of each trader: its subject. A *rule* names a measure, a threshold and whom to tell. The
task `watch` takes each measure as often as it is worth, in one worker at a time, and judges every
rule by it (`evaluation`). An *alert* is a row of one rule and one subject; Postgres allows one that
is not closed:

    pending ──held long enough──► open ──clear for long enough──► closed
       └──clear again──► gone

What an alert says to the outside (`telling`) is rows that commit with it, mails and webhook
deliveries; tasks of their own send them (`common.outgoing.due_rows`), so that no receiver ever
holds up the watch. A figure that could not be taken neither opens nor closes an alert, and the page
names it. A run that was missed is made up for by the next: what held before a gap of more than
`evaluation.GAP_MIN` begins to hold anew.

A snooze is of a rule and a subject, has an end and a reason: meanwhile the alert lives on, and
nobody is told. Acknowledging says that somebody has it in hand; an alert that turns graver asks
again.
"""
