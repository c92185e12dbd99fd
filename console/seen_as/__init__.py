"""See as this trader: what a trader is answered, for whoever helps them.

Theory of operation. The API's own views are asked, in this process, as if the trader had: the same
selectors, answers and pages, and no rule of what a trader sees is written twice. Nothing is spent
of the trader's budgets, no token is made, and only views that read are known here. Each look is in
the audit with its reason. What the trader would be refused (suspended, frozen) is shown all the
same. The trading page can be looked at, too (`page`): its script reads by `reads`, of the look that
was opened and no other (`looks`).
"""
