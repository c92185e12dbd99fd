"""Changing an order: `amend` asks the engine for it, `expected` is the order that it will meet."""
