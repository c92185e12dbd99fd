"""What the demo's hot wallet has when its chain begins, in our rows."""

from custody.demo import FLOAT_UNITS
from custody.interface import DEMO
from custody.models import FloatMovement

REFERENCE = "genesis"


def open_float() -> None:
    """Once."""
    FloatMovement.objects.get_or_create(
        network=DEMO,
        reference=REFERENCE,
        defaults={"amount_units": FLOAT_UNITS, "reason": "the demo's chain begins with it"},
    )
