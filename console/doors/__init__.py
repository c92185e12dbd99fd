"""Every door of the admin, and who may pass it.

Theory of operation. A door is an address and a method, or an action of a list. Of records and
actions the registered admins say who may; of the console's own pages `pages` does, in the very
constants their views ask. Asked as somebody of each group, without Postgres, both become the table
of `docs/operating.md`. The tests knock at every door as everybody and compare: a page that isn't
declared, asks for less than it says, or lets somebody else in, fails them.
"""
