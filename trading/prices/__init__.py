"""Where index prices come from, and the loop that sends them to the engines (②)."""
