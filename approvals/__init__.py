"""Two people: what one operator proposes and another carries out.

Theory of operation. An action that needs a second person is described once, by the room that knows
how to do it: a word for it, who may decide, and a function that does it (`approvals.actions`). Its
operator writes a `Proposal`, which says in words exactly what would change and holds what the
function needs. Nothing happens until somebody else approves; then the function runs in the
transaction that marks the proposal approved, so that both are there or neither.

Author, beneficiary and decider are three different people, as constraints in Postgres say. A
proposal expires, and can be withdrawn by its author. Where what it was about is no longer as it
says, nobody can approve it: whoever did saw something else. It waits, to be refused.

Which actions need two people is a policy of the owner's (`approvals.policy`), whose changes are
proposals themselves. This room knows no other: the floors above register their actions.
"""
