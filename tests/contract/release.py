"""The release that this one is rolled out over: its commit, and the schema it knows.

Whoever makes a release writes down what it is, here: from then on its schema may only grow.
"""

COMMIT = "7c6ec04"  # before icebergs and algos
NEWEST_MIGRATIONS = {
    "accounts": "0011_verification",
    "announcements": "0001_initial",
    "approvals": "0002_beneficiaries",
    "console": "0014_measures_of_families",
    "custody": "0001_initial",
    "gateway": "0001_initial",
    "ledger": "0008_withdrawals",
    "mails": "0002_secret",
    "markets": "0001_initial",
    "persistence": "0003_daily_files",
    "prices": "0002_home_price",
    "trading": "0013_pairs",
}
