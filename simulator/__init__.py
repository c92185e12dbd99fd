"""Made-up traders that keep a demo market alive, through the public HTTP API only (①).

`behaviour` decides (pure, seeded), `client` speaks HTTP, `trader` joins the two for one trader,
`runner` runs them all.
"""
