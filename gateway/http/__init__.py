"""Every call but those that order intake takes, answered by one Django view."""
