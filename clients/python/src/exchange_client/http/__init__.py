"""Calls over HTTP: what one takes, step by step, and the two clients that take the steps."""
