"""What a request asks, who signed it, and how often that may be asked."""
