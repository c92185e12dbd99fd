"""Small faults planted one by one, and the tests beside them asked whether they notice.

cosmic-ray finds the places, changes the code and runs the tests; its session file keeps the
results. Ours are the table of which tests stand beside which module, the faults of SQL and of
querysets that it doesn't know, the sample, and copies of the tree to plant in. See docs/mutants.md.
"""
