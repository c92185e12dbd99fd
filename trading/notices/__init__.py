"""Telling traders by mail that a position was liquidated, or is about to be.

Nothing of this is on the way of a fill: periodic tasks read what was persisted. Liquidations are
read market by market in the order of the engine's entries, in which they are persisted, so a cursor
can't pass one over; it moves on in the transaction that writes the mails, so each is told once. A
margin call is a row for as long as the position is beyond its owner's threshold: the row is made
with the mail, and goes when the position is well below again.
"""
