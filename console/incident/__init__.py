"""Incidents → Timeline: what happened in a market, from whatever kept a trace of it, in one list.

Theory of operation. A stretch is asked for by time or by sequence, and is known by both: the output
stream says which sequence was when, and where it is no longer kept, the rows of fills and the
journal do. Each kind of trace is a source that reads its own lines of the stretch in their order,
by an index, and no more than a page of them. Pages are merged by time and sequence, and cut where
the first source was cut, so that no line is missing before the last one shown; its place is where
the next page begins.

Times of rows that the engine caused are the engine's. Commands, orders, holds and operators' acts
have the time of whoever wrote them, and no sequence; they stand where they were written. What the
persistence or an operator noted about a sequence stands where it was noted.

A bundle is a stretch made to travel: a snapshot from before it and the commands since, which give
the same state wherever they are applied.
"""
