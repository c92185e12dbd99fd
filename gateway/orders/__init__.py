"""Orders: as the venue's clients ask for them, as they read them, and their way through intake."""
