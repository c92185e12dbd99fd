"""Webhooks: how a delivery is signed, and sent to nowhere but where it may.

A POST of JSON, with

    Exchange-Delivery: the id that is also in the body; the same however often it is sent
    Exchange-Signature: t=<seconds since 1970>,v1=<hex of HMAC-SHA256 of "<t>.<body>">

The key is the recipient's secret, as its ASCII bytes. It is derived from the installation's own
`DJANGO_SECRET_KEY` and the recipient's nonce, shown once and stored nowhere: a copy of the database
can't sign. A new nonce, or another `DJANGO_SECRET_KEY`, is a new secret.
"""

import asyncio
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from common.outgoing.due_rows import NotSent, send_due
from common.outgoing.reach import AddressRefused, host_problem, session_to
from console.alerts.models import AlertRecipient, WebhookDelivery

TIMEOUT_S = 10
_LOCK = 0x776562  # "web": the advisory lock of a run
_is_url = URLValidator(schemes=["https", "http"])


def new_nonce() -> str:
    return secrets.token_hex(16)


def secret_of(recipient: AlertRecipient) -> str:
    key, what = settings.SECRET_KEY.encode(), f"alerts.webhook:{recipient.nonce}"
    digest = hmac.new(key, what.encode(), sha256).digest()
    return f"whsec_{urlsafe_b64encode(digest).decode().rstrip('=')}"


def signature(secret: str, at_s: int, body: bytes) -> str:
    signed = hmac.new(secret.encode(), f"{at_s}.".encode() + body, sha256).hexdigest()
    return f"t={at_s},v1={signed}"


def check_address(address: str) -> None:
    """Raises ValidationError for what no webhook may be sent to."""
    _is_url(address)
    parts = urlsplit(address)
    host = parts.hostname or ""
    if problem := host_problem(host, settings.WEBHOOK_HOSTS, "WEBHOOK_HOSTS"):
        raise ValidationError(problem)
    if parts.username or parts.password:
        raise ValidationError("No name and password in the address: deliveries are signed.")
    if parts.scheme != "https" and host not in settings.WEBHOOK_HOSTS:
        raise ValidationError("https only, but for hosts that WEBHOOK_HOSTS names.")


def send_due_webhooks() -> None:
    send_due(WebhookDelivery, _LOCK, _send)


def _send(delivery: WebhookDelivery) -> None:
    """Raises NotSent."""
    recipient = delivery.recipient
    if not recipient.enabled:
        raise NotSent("the recipient is not enabled")
    try:
        check_address(recipient.address)
    except ValidationError as error:
        raise NotSent(" ".join(error.messages)) from error
    status = asyncio.run(_post(recipient, delivery.key, delivery.body.encode()))
    if not 200 <= status < 300:
        raise NotSent(f"answered {status}")


async def _post(recipient: AlertRecipient, key: str, body: bytes) -> int:
    """The status of the answer, whose text nobody reads; redirects are not followed."""
    import aiohttp  # by then: it takes as long to import as all else of a process that asks nobody

    headers = {
        "Content-Type": "application/json",
        "User-Agent": "exchange-alerts",
        "Exchange-Delivery": key,
        "Exchange-Signature": signature(secret_of(recipient), int(time.time()), body),
    }
    host = urlsplit(recipient.address).hostname or ""
    try:
        async with (
            session_to(host, settings.WEBHOOK_HOSTS) as session,
            session.post(
                recipient.address,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            ) as answer,
        ):
            return answer.status
    except TimeoutError as error:
        raise NotSent(f"no answer within {TIMEOUT_S} s") from error
    except AddressRefused as error:
        raise NotSent(f"refused: {error}") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NotSent(_kind_of(error)) from error


def _kind_of(error: Exception) -> str:
    """Never what was answered: an address may lead to what its writer may not read."""
    if isinstance(error.__cause__, AddressRefused) or isinstance(
        getattr(error, "os_error", None), AddressRefused
    ):
        return "refused: not a public address"
    return type(error).__name__
