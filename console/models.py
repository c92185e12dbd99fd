"""Models of the console's pages, each kept with its page."""

from console.alerts.models import (
    Alert,
    AlertRecipient,
    AlertRule,
    AlertSnooze,
    MeasureLook,
    WebhookDelivery,
)
from console.audit.models import AuditHead, AuditRow
from console.exports.models import ExportPart, ExportRun
from console.hindsight.models import HindsightRun
from console.incident.models import ReplayRun
from console.launch.models import MarketLaunch
from console.once.models import SentForm
from console.stop.models import MarketStop
from console.stress.models import StressRun

__all__ = [
    "Alert",
    "AlertRecipient",
    "AlertRule",
    "AlertSnooze",
    "AuditHead",
    "AuditRow",
    "ExportPart",
    "ExportRun",
    "HindsightRun",
    "MarketLaunch",
    "MarketStop",
    "MeasureLook",
    "ReplayRun",
    "SentForm",
    "StressRun",
    "WebhookDelivery",
]
