"""Passkeys (WebAuthn): a key pair on a device of the user's, which signs a challenge of ours for
our origin alone, so that no other site can have it signed.

A challenge is a row until it comes back or is too old, and is deleted as it is looked at: it counts
once, and one of which a passkey was to be shown whatever it is signed with. A passkey whose count
of signatures goes backwards was copied, and is refused.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from django.conf import settings
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    base64url_to_bytes,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.models import Factor, FactorKind, PasskeyChallenge, Purpose, User
from common.errors import DomainError, ErrorCode, invalid

GOOD_FOR = timedelta(minutes=5)
CHALLENGE_BYTES = 32
CHALLENGES_MAX = 20  # of a user, that wait; the oldest goes
CREDENTIAL_ID_BYTES_MAX = 1_023  # as WebAuthn has it
_USER_HANDLE = "exchange-user-{}"
# What the library lets through of rubbish that only looks like a credential.
_RUBBISH = (
    WebAuthnException,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,  # of JSON that is nested deeper than anything
    UnsupportedAlgorithm,
)

Said = dict[str, Any]  # what a browser answers, as PublicKeyCredential.toJSON() has it

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class NewPasskey:
    credential_id: bytes
    public_key: bytes
    sign_count: int


def are_offered() -> bool:
    """Where the operator has said under which name browsers reach us."""
    return bool(settings.PASSKEY_RP_ID and settings.PASSKEY_ORIGINS)


def creation_options(user: User) -> Said:
    """For `navigator.credentials.create`. Raises DomainError where passkeys aren't offered."""
    if not are_offered():
        message = "Passkeys are not offered here: set up an authenticator app."
        raise DomainError(ErrorCode.INVALID_FIELD, message)
    options = generate_registration_options(
        rp_id=settings.PASSKEY_RP_ID,
        rp_name=settings.FACTOR_ISSUER,
        user_id=_USER_HANDLE.format(user.pk).encode(),
        user_name=user.username,
        challenge=_new_challenge(user.pk, Purpose.ENROL),
        timeout=_milliseconds(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(user.pk),
    )
    return _as_json(options)


def new_passkey(user_id: int, said: Said) -> NewPasskey:
    """What `creation_options` became. Raises DomainError."""
    try:
        verified = verify_registration_response(
            credential=said,
            expected_challenge=_spend_challenge(user_id, Purpose.ENROL, said),
            expected_rp_id=settings.PASSKEY_RP_ID,
            expected_origin=list(settings.PASSKEY_ORIGINS),
        )
        # One that is no key would be kept, and never be shown.
        decoded_public_key_to_cryptography(
            decode_credential_public_key(verified.credential_public_key)
        )
    except _RUBBISH as error:
        message = "passkey was not made for this site, or not by what was asked just now."
        raise invalid("passkey", message) from error
    if len(verified.credential_id) > CREDENTIAL_ID_BYTES_MAX:
        raise invalid("passkey", "passkey has an id that is too long.")
    return NewPasskey(verified.credential_id, verified.credential_public_key, verified.sign_count)


def request_options(user_id: int) -> Said:
    """For `navigator.credentials.get`. Raises DomainError where the user has no passkey."""
    descriptors = _descriptors(user_id)
    if not descriptors or not are_offered():
        message = "You have no passkey: show a code of your app or a recovery code."
        raise DomainError(ErrorCode.FACTOR_NOT_FOUND, message)
    options = generate_authentication_options(
        rp_id=settings.PASSKEY_RP_ID,
        challenge=_new_challenge(user_id, Purpose.SHOW),
        timeout=_milliseconds(),
        allow_credentials=descriptors,
    )
    return _as_json(options)


def is_shown(user_id: int, said: Said) -> bool:
    """Whether this is a passkey of the user's, and signed what was asked just now."""
    try:
        challenge = _spend_challenge(user_id, Purpose.SHOW, said)
        own = Factor.objects.filter(user_id=user_id, kind=FactorKind.PASSKEY)
        factor = own.filter(credential_id=base64url_to_bytes(str(said.get("rawId")))).first()
        if factor is None:
            return False
        verified = verify_authentication_response(
            credential=said,
            expected_challenge=challenge,
            expected_rp_id=settings.PASSKEY_RP_ID,
            expected_origin=list(settings.PASSKEY_ORIGINS),
            credential_public_key=bytes(factor.public_key or b""),
            credential_current_sign_count=factor.sign_count,
        )
    except _RUBBISH as error:
        log.warning("passkey_refused", user=user_id, why=str(error)[:200])
        return False
    # Of two answers at once with the same count one was made by a copy.
    unchanged = Factor.objects.filter(pk=factor.pk, sign_count=factor.sign_count)
    now = datetime.now(UTC)
    return bool(unchanged.update(sign_count=verified.new_sign_count, last_used_at=now))


def _new_challenge(user_id: int, purpose: Purpose) -> bytes:
    now = datetime.now(UTC)
    own = PasskeyChallenge.objects.filter(user_id=user_id)
    own.filter(good_until__lte=now).delete()
    beyond = own.order_by("-pk").values_list("pk", flat=True)[CHALLENGES_MAX - 1 :]
    PasskeyChallenge.objects.filter(pk__in=list(beyond)).delete()
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    PasskeyChallenge.objects.create(
        user_id=user_id, challenge=challenge, purpose=purpose, good_until=now + GOOD_FOR
    )
    return challenge


def _spend_challenge(user_id: int, purpose: Purpose, said: Said) -> bytes:
    """The one that was signed, if it is ours and new. Raises one of `_RUBBISH`."""
    signed = json.loads(base64url_to_bytes(said["response"]["clientDataJSON"]))
    challenge = base64url_to_bytes(signed["challenge"])
    open_now = PasskeyChallenge.objects.filter(
        user_id=user_id, purpose=purpose, challenge=challenge, good_until__gt=datetime.now(UTC)
    )
    spent, _ = open_now.delete()
    if not spent:
        raise ValueError("no challenge of ours, or one that was used or is too old")
    return challenge


def _descriptors(user_id: int) -> list[PublicKeyCredentialDescriptor]:
    own = Factor.objects.filter(user_id=user_id, kind=FactorKind.PASSKEY).order_by("pk")
    ids = own.values_list("credential_id", flat=True)
    return [PublicKeyCredentialDescriptor(id=bytes(one)) for one in ids if one is not None]


def _milliseconds() -> int:
    return GOOD_FOR // timedelta(milliseconds=1)


def _as_json(options: Any) -> Said:
    plain: Said = json.loads(options_to_json(options))
    return plain
