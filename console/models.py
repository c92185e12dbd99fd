"""Models of the console's pages, each kept with its page."""

from console.audit.models import AuditHead, AuditRow

__all__ = ["AuditHead", "AuditRow"]
