"""Incidents → What should have happened: a stretch of a market again, with something left out or
with other index prices, beside what did happen.

Theory of operation. Two engines begin from one snapshot and get the same stored commands in the
same order (`worlds`). One gets them as they were; the other doesn't get those that are left out,
and gets another price where one is replaced. What each event moves is read from the ledger's own
posting rules, so that a trader's outcome is what his accounts gained, and what his position is
worth beside its cost. At the end both are judged at one price: the mark of the engine that got the
changes. What one world gives to traders, to the fund and in fees, the other has somewhere else: the
differences add up to zero, and a run whose don't fails.

A run is a job (`console.jobs`), reads and reckons, and changes nothing. What it finds can become a
proposal of adjustments, which another operator approves (`ledger.adjustments`).

What it can't know: traders would have acted otherwise, from the first difference on. Wallets are
not in a snapshot: nobody is stopped from placing an order with money he would not have had, and a
conditional order that fires only in the other world gets no hold and stays where it is. Orders that
were refused before they reached the engine are in neither. Other markets are as they were. What is
different when the stretch ends stays different: positions are judged by their value, not given
back.
"""
