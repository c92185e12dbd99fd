"""The trading page: its shell, its sign-in by cookie, and its sources in `web`."""
