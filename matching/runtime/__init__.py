"""③ The engine's I/O shell: streams in, streams out, snapshots, what it shows of itself.

`market` runs one market (recover, then batch after batch), `process` runs many in one process,
`snapshots` keeps and finds starting points, `showcase` publishes depth, ticker and heartbeat.
"""
