"""Whether an account is flat: what keeps it from being archived or closed."""

from accounts.families import closing
from ledger.services import lock_wallet
from trading.models import OutboxCommand
from trading.selectors import markets_with_live_orders, positions_of_user


def _why_open(user_id: int) -> str | None:
    """With its wallet locked, as every order is placed."""
    lock_wallet(user_id)
    if held := positions_of_user(user_id).values_list("market_id", flat=True).first():
        return f"it has a position in {held}. Close it."
    if markets := markets_with_live_orders(user_id):
        return f"it has open orders in {', '.join(sorted(markets))}. Cancel them."
    waiting = OutboxCommand.objects.filter(applied_seq=None, payload__account_id=user_id)
    if waiting.exists():
        return "a command of it is on its way. Try again shortly."
    return None


closing.register(_why_open)
