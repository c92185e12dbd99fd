"""How the far end is told that a connection ends: the codes we use, and why in words."""

from common.asgi.messages import Send

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
NOT_ALLOWED = 4403
NOT_HERE = 4404

Refusal = tuple[int, str]  # the code it is closed with, and why


async def refuse(send: Send, refusal: Refusal) -> None:
    code, reason = refusal
    await send({"type": "websocket.close", "code": code, "reason": reason})
