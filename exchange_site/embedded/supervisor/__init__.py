"""supervisord as a child of ours: how it is run, how we talk to it, and what changed meanwhile."""
