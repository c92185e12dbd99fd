"""WebSockets as ASGI has them: who may connect, how many at once, and how one is told to go."""
