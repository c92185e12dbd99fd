"""A trader's accounts as one: who they are, what they hold together, and what moved between them.

Besides, what operators decide about money between traders: whether they may transfer it to others,
and which share of fees brings who brought them. Both are rows, the newest of which counts, each
with who set it and why.

A trader's statement is downloaded from here, as the trader gets it; that it was, and why, is kept.
"""
