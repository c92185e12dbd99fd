"""Webhooks: news on its way to the exchange, as bad as real ones. What is lost here is found by
whoever asks for it."""

import hashlib
import hmac
import json
import random
import threading
import time
from typing import Any

import httpx
import structlog

from custody.demo.chain import Temper
from custody.demo.chain.state import ChainState

TRIES_MAX = 4
TIMEOUT_S = 3.0
AT_ONCE = 50

log = structlog.get_logger(__name__)


class Teller(threading.Thread):
    def __init__(self, state: ChainState, url: str, secret: str, temper: Temper, seed: int) -> None:
        super().__init__(name="teller", daemon=True)
        self._state, self._url, self._secret, self._temper = state, url, secret, temper
        self._rng = random.Random(seed)  # noqa: S311  a game
        self._halt = threading.Event()
        self._due: list[tuple[float, int, dict[str, Any]]] = []

    def run(self) -> None:
        with httpx.Client(timeout=TIMEOUT_S) as client:
            while not self._halt.wait(0.1):
                self._gather()
                self._tell_due(client)

    def end(self) -> None:
        self._halt.set()

    def _gather(self) -> None:
        """What is new is due at some time soon, perhaps twice, perhaps never."""
        rows = self._state.read(
            "SELECT seq, body FROM news WHERE NOT is_told ORDER BY seq LIMIT ?", AT_ONCE
        )
        if not rows:
            return
        with self._state.writing() as base:
            marks = [(row["seq"],) for row in rows]
            base.executemany("UPDATE news SET is_told = 1 WHERE seq = ?", marks)
        now = time.monotonic()
        for row in rows:
            news = {**json.loads(row["body"]), "seq": row["seq"]}
            if self._rng.random() < self._temper.loses_webhooks:
                continue
            for _ in range(2 if self._rng.random() < self._temper.doubles_webhooks else 1):
                self._due.append((now + self._rng.random() * self._temper.late_s, 1, news))

    def _tell_due(self, client: httpx.Client) -> None:
        now = time.monotonic()
        due = [one for one in self._due if one[0] <= now]
        self._due = [one for one in self._due if one[0] > now]
        self._rng.shuffle(due)
        for _, tries, news in due:
            if self._halt.is_set() or self._post(client, news) or tries >= TRIES_MAX:
                continue
            self._due.append((time.monotonic() + tries, tries + 1, news))

    def _post(self, client: httpx.Client, news: dict[str, Any]) -> bool:
        body = json.dumps({"news": [news]}).encode()
        timestamp = str(time.time_ns() // 1_000_000)
        signed = hmac.new(self._secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "X-Custody-Timestamp": timestamp,
            "X-Custody-Signature": signed.hexdigest(),
        }
        try:
            answer = client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            log.info("webhook_not_taken", why=type(error).__name__)
            return False
        if not answer.is_success:
            log.info("webhook_not_taken", status=answer.status_code)
        return answer.is_success
