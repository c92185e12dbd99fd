"""What a command must hold, by part, and what a trader hears who has less."""

from dataclasses import dataclass

from common.errors import DomainError, ErrorCode
from ledger.holds import NotAvailable, hold
from ledger.models import EntryKind
from markets.conversions import units_text
from matching.messages.holds import Reserve


@dataclass(frozen=True, slots=True)
class Needed:
    """What a command must hold, by part. ``already_held_units`` is what its order holds before it
    is amended, and counts against the rest."""

    margin_units: int = 0
    open_loss_units: int = 0
    fee_units: int = 0
    already_held_units: int = 0

    @property
    def total_units(self) -> int:
        parts = self.margin_units + self.open_loss_units + self.fee_units
        return max(0, parts - self.already_held_units)

    @classmethod
    def of(cls, reserve: Reserve, size_lots: int) -> "Needed":
        return cls(
            reserve.margin_units * size_lots,
            reserve.open_loss_units * size_lots,
            reserve.fee_units * size_lots,
        )

    def by_part(self) -> dict[str, str]:
        """As `common.http.schema.Required`, in decimals."""
        parts = {
            "margin": units_text(self.margin_units),
            "open_loss": units_text(self.open_loss_units),
            "fee": units_text(self.fee_units),
        }
        if self.already_held_units:
            parts["already_held"] = units_text(self.already_held_units)
        return parts | {"total": units_text(self.total_units)}


NOTHING_NEEDED = Needed()


def hold_money(
    user_id: int, market_id: str, kind: EntryKind, needed: Needed, order_id: int | None = None
) -> None:
    """Move what is needed, above zero, from available to held. Raises DomainError if it isn't
    there."""
    try:
        if not hold(user_id, market_id, kind, needed.total_units, order_id):
            raise account_not_found()
    except NotAvailable as error:
        raise insufficient_balance(needed, error.available_units) from error


def insufficient_balance(needed: Needed, available_units: int) -> DomainError:
    """With what is needed by part, in words and in the body."""
    required, available = needed.by_part(), units_text(available_units)
    message = (
        f"This needs {required['total']}; {available} is available. Needed are margin "
        f"{required['margin']}, open loss {required['open_loss']} and fee {required['fee']}"
    )
    if "already_held" in required:
        message += f", of which the order holds {required['already_held']}"
    return DomainError(
        ErrorCode.INSUFFICIENT_BALANCE,
        f"{message}.",
        required=required,
        available=available,
    )


def account_not_found() -> DomainError:
    message = "The account or the market of this order does not exist any more."
    return DomainError(ErrorCode.ACCOUNT_NOT_FOUND, message)
