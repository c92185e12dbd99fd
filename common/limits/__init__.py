"""How often somebody may do something: counted in Redis for all processes, without it in each.

`budgets` are for what is fine in moderation. They decide and count in one step: of requests that
come at once no more pass than of those that come in turn. Guesses at a secret wait longer and
longer, by rows that outlive Redis: `accounts.access.guesses`.
"""
