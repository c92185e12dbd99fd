"""Markets → New market: from a name and a price to an open market in five minutes.

Theory of operation. What an operator knows of a coin is its price and how much it moves in a day.
`defaults` makes rules of that, pure and explained rule by rule; every one can be typed over. The
form is the market's own (`trading.admin.catalogue`), so what is refused here is refused there, in
the same words. While the operator types, `preview` shows what the rules mean, by the functions the
engine and the API judge by, and `sources` asks venues for their price, for seconds at most.

Creating the market saves rules, tiers and price sources in one transaction (`services`). It is
PRE_OPEN then: its engine takes the rules and follows prices, and nobody can trade. `checklist` says
what is missing until it can open. Without an engine, rules or an index price nothing could trade:
those can't be gone without. The others can, with a reason that is kept beside what was missing.
"""
