"""Rows of accounts: `access` says who may come in, `factors` what they show besides a
password, `verification` how well they are known."""

from accounts.models.access import (
    USERNAME,
    ApiKey,
    Departure,
    Door,
    EndReason,
    Freeze,
    Invitation,
    ServedRequest,
    Session,
    SignInFailure,
    SignInStep,
    StaffSession,
    User,
)
from accounts.models.factors import (
    Factor,
    FactorKind,
    FactorReset,
    GuessKind,
    GuessLock,
    PasskeyChallenge,
    Purpose,
    RecoveryCode,
)
from accounts.models.verification import Verification

__all__ = [
    "USERNAME",
    "ApiKey",
    "Departure",
    "Door",
    "EndReason",
    "Factor",
    "FactorKind",
    "FactorReset",
    "Freeze",
    "GuessKind",
    "GuessLock",
    "Invitation",
    "PasskeyChallenge",
    "Purpose",
    "RecoveryCode",
    "ServedRequest",
    "Session",
    "SignInFailure",
    "SignInStep",
    "StaffSession",
    "User",
    "Verification",
]
