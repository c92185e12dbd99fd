"""Algos stand against closing an account: they would go on sending orders in its name."""

from collections.abc import Iterable

from accounts.access.obstacles import register_obstacles
from trading.algos.selectors import live_algos


@register_obstacles
def left_in_algos(user_id: int) -> Iterable[str]:
    """No algo starts meanwhile: that locks the user's row, too."""
    count = live_algos(user_id).count()
    if count:
        yield f"{count} algos are running or paused: cancel them"
