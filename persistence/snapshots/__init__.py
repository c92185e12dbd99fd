"""① An account at one moment, and up to which entries of each market that moment reaches: where who
keeps up with the account channel begins."""
