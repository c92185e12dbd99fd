"""Referrals: who brought whom.

A trader makes codes and gives them away; whoever signs up with one was brought by them, for good.
What that is worth is decided and paid above (`trading.fees.paying`). A family can't refer itself:
only who signs up is referred, and a sub-account doesn't.
"""
