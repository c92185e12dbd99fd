"""The risk board: where could we lose money?

Theory of operation. The exchange loses where a position is closed beyond what its margin covers and
the insurance fund can't pay. So the board shows, of each market, its fund beside what the ten
positions nearest to liquidation would take from it (`cover`), who holds how much of it
(`holders`), and of all markets the positions that come first by one of five keys (`board`). Of one
trader it shows everything (`exposure`).

What is shown is computed by the rules of the house (`trading.positions.figures`), exactly, of rows
and mark prices as they are persisted, so both are of the same moment. Which positions come first
depends on the mark, and no index is ordered by that: Postgres finds them in passes over all open
positions, with floating point (`first`), and takes some more than are asked for; those few are put
in order by the exact figures. That costs the same after years, but grows with the positions that
are open: one pass over 100,000 takes some 60 ms, and a page makes one or two.
"""
