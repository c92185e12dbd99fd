from tests.feeds.conftest import feeds, running_feeds

__all__ = ["feeds", "running_feeds"]
