"""WebSockets as the venue's clients open them."""
