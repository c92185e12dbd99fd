"""The audit: what operators did, in rows that can't be changed unseen.

Theory of operation. Everything that writes Django's log of operators tells of it through
`common.admin.acts`, and so do sign-ins and looks at personal records; `listeners` write the row in
the transaction of the act. `chain` gives each row the number after the newest and a hash over the
one before and every field of its own, while it holds the head, so rows of operators who act at once
are one chain. Postgres refuses to change rows; whoever can make it do so all the same can't do it
unseen: `manage.py verifyaudit` recomputes every hash. A chain rewritten from some row to its end,
head and all, is consistent in itself. What tells is a head noted elsewhere: it is logged once a
day, and `verifyaudit --head` looks for it.
"""
