"""Where Django looks for records and pages: those of the console's rooms."""

from console.alerts import admin as alerts  # noqa: F401  registers them
from console.audit import admin as audit  # noqa: F401
from console.launch import views as launch  # noqa: F401
from console.money import explained  # noqa: F401
from console.people import views as people  # noqa: F401
from console.records import predicted, tables  # noqa: F401
from console.versions import views as versions  # noqa: F401
