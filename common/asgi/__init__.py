"""What applications that speak ASGI themselves share, rather than through Django."""
