"""The whole exchange under load while its parts are killed: `make chaos`, seeded.

`exchange` is the exchange under test, `load` trades on it over HTTP and writes down every answer,
`faults` plans and does the damage, `streams` records what passed through Redis, and `checks` says
afterwards whether anything acknowledged was lost or counted twice.
"""
