"""What every process counts of itself, for Prometheus to fetch.

Theory of operation. A process counts as it works, in `measures`, the one place with names. Whether
anybody looks makes no difference to it: counting is a few additions for a group, a batch or a
turn, and twice for an HTTP answer (`benchmarks.metrics` has the price). With METRICS_PORT a thread
(`listener`) shows what was counted, on a port of its own, to whoever has MONITOR_TOKEN.

An API is several processes behind one port, and so are a feeds server and a Celery worker. Their
counts lie in files of one folder, which all of them map into memory (`shared`); the one that
started the others adds them up. A process that died keeps what it counted and loses what it was
in the middle of.
"""
