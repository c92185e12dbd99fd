"""⑥ Feeds over WebSocket, of markets and of an account's own events; ① orders over the same socket.

`protocol` is what clients say, `streams` has the public channels and who listens to them, `account`
makes what an account hears (pure), `hub` reads Redis once per process for all of them, `connection`
is one client, `orders` what it trades, `app` the ASGI callable.
"""
