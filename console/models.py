"""Models of the console's pages, each kept with its page."""

from console.audit.models import AuditHead, AuditRow
from console.hindsight.models import HindsightRun
from console.incident.models import ReplayRun
from console.launch.models import MarketLaunch
from console.stop.models import MarketStop
from console.stress.models import StressRun

__all__ = [
    "AuditHead",
    "AuditRow",
    "HindsightRun",
    "MarketLaunch",
    "MarketStop",
    "ReplayRun",
    "StressRun",
]
