"""⑥ Feeds over WebSocket: book, trades, ticker, and an account's own events.

`protocol` is what clients say, `book`, `public` and `account` make what they hear (pure), `hub`
reads Redis once per process for all of them, `connection` is one client, `app` the ASGI callable.
"""
