"""① Address book, deposits, and what custody tells us."""
