"""Money that goes out and comes in, as operators see it: the queue of withdrawals, one of them with
all it is judged by, and custody's side beside the ledger's.

The pages decide nothing themselves: `ledger.withdrawals` says who may and what follows, `custody`
what the outside says. Each act is told to the audit in its own transaction.
"""
