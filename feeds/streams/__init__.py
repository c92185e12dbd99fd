"""⑥ The public channels: what they are called, who listens, and how fast.

A message is encoded once, for all who hear it. A listener that named its subscription gets its name
spliced in front; one that asked for MessagePack the same message packed, which is made once, too.
`channels` has the names, `subscribers` who listens to which, `book` and `public` what they hear
(pure), `wire` how a socket speaks, `polled` what is shown at most so often (books, tickers, best
prices), `candles` what Postgres has.
"""
