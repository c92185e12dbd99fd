"""`make chaos HOSTS=1`: an exchange on eleven hosts, which are cut off, slowed and killed.

Each host is a network namespace with an address of its own, so what is cut is cut for real: packets
are lost, and nobody is told. Load and promises are those of `tests.chaos`.
"""
