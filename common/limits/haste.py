"""How long a refusal takes, of HTTP requests and of sign-ins at the feeds."""

REFUSED_AFTER_S = 0.25
