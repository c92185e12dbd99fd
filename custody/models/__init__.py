"""What custody told us, and what became of it."""

from custody.models.addresses import DepositAddress
from custody.models.cases import CaseKind, CustodyCase
from custody.models.deposits import ChainDeposit, ChainDepositState
from custody.models.floats import FloatLook, FloatMovement, FloatPart
from custody.models.news import CustodyNews, PollCursor

__all__ = [
    "CaseKind",
    "ChainDeposit",
    "ChainDepositState",
    "CustodyCase",
    "CustodyNews",
    "DepositAddress",
    "FloatLook",
    "FloatMovement",
    "FloatPart",
    "PollCursor",
]
