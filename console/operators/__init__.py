"""Operators: who they are, what they may in words, from where they are signed in, what they did
last; how one comes, by invitation, and how one goes.

Theory of operation. Users, sessions and invitations are of `accounts`, which decides what may be
done to them; proposals are of `approvals`. Here is what crosses rooms: retiring an operator takes
powers and sessions, hands their proposals over and withdraws their invitations in one transaction,
and the page then says of each that nothing is left. Every act is told to the audit within its
transaction. Nothing here opens a session: the table has hashes of keys, the row of an invitation
the hash of its token.
"""
