class ServiceError(Exception):
    """What keeps a server from starting, in one line that says what to change."""
