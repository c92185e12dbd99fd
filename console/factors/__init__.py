"""Operators' second factors: at the door, on a page of their own, and before what is dangerous.

Theory of operation. Whose password is right is nobody yet: the session remembers for some minutes
who is to show a factor (`door`), and is theirs once they have. Whoever has none sets one up there
and then; outside the demo nobody comes in without. The session keeps when one was shown last, and
the site lets in no session that doesn't say so, however it came to be.

What is dangerous is a table (`dangerous`), of pages, records and actions of lists by name; a test
compares it with everything that writes. `asking` stands before every view of the site: a post that
the table names, in a session that showed no factor in the last minutes, is not passed on. The page
that asks holds what was posted and posts it again with the factor, so nothing typed is lost, and
what it was meant for then happens.
"""
