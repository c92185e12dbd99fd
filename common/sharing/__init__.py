"""Several processes of one kind, and whose what is."""
