"""PostgreSQL and Redis from wheels, as child processes, for one machine and for the tests.

Nothing here imports Django: these servers must run before the settings can be read.
"""
