"""How the exchange is doing, measured from outside its parts: the status page and GET /health."""
