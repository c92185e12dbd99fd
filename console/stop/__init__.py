"""Stop: one page that pauses or restricts markets, and shows when their engines have done it.

Theory of operation. A stop is a row per market, the command that changes its state and, where
asked, a cancel per trader with live orders, all in one transaction. The page reads whether the
commands were applied. An order that was being accepted as the stop was asked for can reach its
engine after the orders were read and before the state changes; so, once all commands are applied, a
task looks again and cancels what is left, until no such order can come any more, and at the latest
before the market opens again. Resuming, now or as planned, brings a market back to what it was
before the first of the stops that lie on top of each other (`states`). A planned resume counts only
while its stop is the newest thing that happened to the market's state: whatever an operator or the
circuit breaker did since is stronger.
"""
