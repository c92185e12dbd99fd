"""Somebody's second factors, as their phone and their security key have them."""

import base64
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cbor2 import dumps
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.test import Client
from django_otp.oath import totp

from accounts.factors.proofs import SEALED_AS
from accounts.factors.totp import new_secret
from accounts.models import Factor, FactorKind, User
from accounts.sealing import seal


@dataclass
class App:
    """An authenticator app. ``code()`` is one that works now, however many worked before."""

    user: User
    secret: str

    def code(self) -> str:
        """Of this moment; what was taken of it before is forgotten."""
        Factor.objects.filter(user=self.user, kind=FactorKind.TOTP).update(last_step=0)
        return code_of(self.secret)


def code_of(secret: str, periods_ahead: int = 0) -> str:
    return f"{totp(base64.b32decode(secret), drift=periods_ahead):06}"


def make_app(user: User) -> App:
    """In place of the one there was."""
    Factor.objects.filter(user=user, kind=FactorKind.TOTP).delete()
    secret = new_secret()
    Factor.objects.create(
        user=user,
        kind=FactorKind.TOTP,
        name="phone",
        confirmed_at=datetime.now(UTC),
        sealed_secret=seal(secret, SEALED_AS, user.pk),
    )
    return App(user, secret)


def enter(client: Client, user: User, password: str) -> Any:
    """By both steps, as somebody at the console's door; the answer to the second."""
    app = make_app(user)
    answer = client.post("/admin/login/", {"username": user.username, "password": password})
    assert answer["Location"] == "/admin/factor/", answer
    answer = client.post("/admin/factor/", {"second_factor_code": app.code()})
    assert answer.status_code == 302, answer.content
    return answer


@dataclass
class SecurityKey:
    """An authenticator in software: P-256, self attestation, one credential.

    ``origin``: the page that the browser is on
    """

    origin: str = field(default_factory=lambda: settings.PASSKEY_ORIGINS[0])
    rp_id: str = field(default_factory=lambda: settings.PASSKEY_RP_ID)
    sign_count: int = 0
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    private_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.create()` answers."""
        numbers = self.private_key.public_key().public_numbers()
        cose = {
            1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")
        }  # fmt: skip
        of_credential = b"\0" * 16 + struct.pack(">H", len(self.credential_id))
        data = self._data(0x41) + of_credential + self.credential_id + dumps(cose)
        client_data = self._client_data("webauthn.create", options["challenge"])
        statement = {"alg": -7, "sig": self._sign(data, client_data)}
        whole = {"fmt": "packed", "attStmt": statement, "authData": data}
        response = {"clientDataJSON": _text(client_data), "attestationObject": _text(dumps(whole))}
        return self._credential(response)

    def get(self, options: dict[str, Any]) -> dict[str, Any]:
        """What `navigator.credentials.get()` answers."""
        self.sign_count += 1
        data = self._data(0x01)
        client_data = self._client_data("webauthn.get", options["challenge"])
        response = {
            "clientDataJSON": _text(client_data),
            "authenticatorData": _text(data),
            "signature": _text(self._sign(data, client_data)),
        }
        return self._credential(response)

    def _data(self, flags: int) -> bytes:
        digest = hashlib.sha256(self.rp_id.encode()).digest()
        return digest + struct.pack(">BI", flags, self.sign_count)

    def _client_data(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _sign(self, data: bytes, client_data: bytes) -> bytes:
        signed = data + hashlib.sha256(client_data).digest()
        return self.private_key.sign(signed, ec.ECDSA(hashes.SHA256()))

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        key = _text(self.credential_id)
        return {"id": key, "rawId": key, "type": "public-key", "response": response}


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
