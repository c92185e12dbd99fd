"""The venue's calls over a socket."""
