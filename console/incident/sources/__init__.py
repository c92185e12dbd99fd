"""Where the lines of a timeline come from: rows, events that are kept, and their words."""
