"""A stretch that travels: the file, and how it is made of what is kept."""
