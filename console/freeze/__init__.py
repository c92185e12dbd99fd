"""Freeze: a trader is kept out, and nothing of theirs is left in any book.

Theory of operation. `accounts.services.freeze_user` keeps them from signing in and ends their
sessions; the same transaction promises a cancel per market where they have live orders, and, where
asked, a reduce-only market order per position behind it. Other processes learn of ended sessions
within a second, so an order may still slip in: as long as the freeze lasts a task, and the page
while somebody looks at it, cancel whatever is live in a market where no cancel is on its way. The
page has settled when none is live.
"""
