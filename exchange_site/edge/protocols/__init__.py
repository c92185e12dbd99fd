"""uvicorn's protocols, whose connections are known, end in time, and take turns.

- `transport`: what arrives is parsed a slice at a time
- `http`, `websocket`: the two protocols, with their limits
"""
