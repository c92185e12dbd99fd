"""The API under its version: `/v1/order` is `/order`, and `/v1/ws` the feeds.

Paths without a version stay: they are version 1, too. Keys sign the path as it was sent, which the
server tells beside this one (`raw_path`). What is not the API has no version.
"""

from typing import Any

PREFIX = "/v1"
_NOT_OF_THE_API = ("/admin", "/static/", "/health", "/trade/")


def without_version(scope: Any) -> Any:
    """The scope of the call that is meant; the same where none of a version is."""
    path: str = scope.get("path", "")
    meant = path.removeprefix(PREFIX)
    is_call = meant != path and meant.startswith("/") and meant != "/"
    if not is_call or meant.startswith(_NOT_OF_THE_API):
        return scope
    return scope | {"path": meant}
