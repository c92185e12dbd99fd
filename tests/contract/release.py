"""The releases before this one: what it is rolled out over, and whose schema it goes on from.

Whoever makes a release writes down what it is, here: one commit then, and from then on its schema
may only grow.
"""

COMMIT = "7c6ec04"  # before icebergs and algos
SCHEMA_COMMIT = "ce7ef00"  # before migrations began anew: the same tables
NEWEST_MIGRATIONS = {
    "accounts": "0002_proposed",
    "announcements": "0001_initial",
    "approvals": "0001_initial",
    "console": "0001_initial",
    "custody": "0001_initial",
    "gateway": "0001_initial",
    "ledger": "0001_initial",
    "mails": "0001_initial",
    "markets": "0001_initial",
    "persistence": "0001_initial",
    "prices": "0001_initial",
    "trading": "0001_initial",
}
