"""Rows of accounts, by subject: `access` says who may come in, `factors` what they show besides a
password, `people` who they are, `verification` how well that is known, `law` what they agreed to.
"""

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
from accounts.models.law import IdentityEvent, TermsAcceptance, TermsVersion
from accounts.models.people import Closure, PasswordReset, Person, ResetRequest
from accounts.models.verification import Verification

__all__ = [
    "USERNAME",
    "ApiKey",
    "Closure",
    "Departure",
    "Door",
    "EndReason",
    "Factor",
    "FactorKind",
    "FactorReset",
    "Freeze",
    "GuessKind",
    "GuessLock",
    "IdentityEvent",
    "Invitation",
    "PasskeyChallenge",
    "PasswordReset",
    "Person",
    "Purpose",
    "RecoveryCode",
    "ResetRequest",
    "ServedRequest",
    "Session",
    "SignInFailure",
    "SignInStep",
    "StaffSession",
    "TermsAcceptance",
    "TermsVersion",
    "User",
    "Verification",
]
