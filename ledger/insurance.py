"""What passed between a trader and the insurance fund, by its reason."""

from typing import NamedTuple


class InsuranceShare(NamedTuple):
    """Each is zero or more; at most one is above zero.

    liquidation_fee_units   to the fund, of a position closed by liquidation
    cover_units             from the fund, of a loss that was more than the margin
    loss_share_units        of losses of others that the fund could not pay
    """

    liquidation_fee_units: int = 0
    cover_units: int = 0
    loss_share_units: int = 0


def insurance_share(delta_units: int, *, is_liquidation: bool) -> InsuranceShare:
    """Of what went to the fund; below zero, came from it."""
    if delta_units < 0:
        return InsuranceShare(cover_units=-delta_units)
    if is_liquidation:
        return InsuranceShare(liquidation_fee_units=delta_units)
    return InsuranceShare(loss_share_units=delta_units)
