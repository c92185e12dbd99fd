"""Which actions take two people, and what was decided about it: one page for the owner."""
