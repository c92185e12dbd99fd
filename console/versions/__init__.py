"""Markets → a market → Rules over time: every version of its rules, and the way back to one.

Theory of operation. `trading` keeps a row with each change of a market's rules, in the transaction
of the change, whatever door it came through; Postgres refuses to change the rows. What differs is
worked out here from two rows, in the words of the market's form. Rolling back goes the way of any
other change: it makes a new version, and waits for a second operator where that lets traders risk
more than the rules of now. Versions are numbered as the engine knows them.
"""
