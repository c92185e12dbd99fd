"""What beat asks of workers, and how often."""

from typing import Any

from celery.schedules import crontab


def _every(seconds: float, task: str) -> dict[str, Any]:
    """One that waited as long is superseded by the next."""
    return {"task": task, "schedule": float(seconds), "options": {"expires": float(seconds)}}


# Each stands behind something faster and is safe to miss.
BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "persist-all-markets": _every(5, "persistence.tasks.persist_all_markets"),
    "archive-and-trim": _every(10, "persistence.tasks.archive_and_trim"),
    "resend-unseen-commands": _every(5, "trading.tasks.resend_unseen_commands"),
    "run-algos": _every(1, "trading.tasks.run_algos"),
    "take-standings": _every(60, "trading.tasks.take_standings"),
    "forget-old-prices": _every(3600, "trading.tasks.forget_old_prices"),
    "keep-journal-moment": _every(3600, "trading.tasks.keep_journal_moment"),
    "settle-days": _every(300, "persistence.tasks.settle_days"),
    "make-daily-files": _every(300, "persistence.tasks.make_daily_files"),
    "reconcile-all": _every(60, "persistence.tasks.reconcile_all"),
    "seal-journal": _every(60, "persistence.tasks.seal_journal"),
    "sum-up-journal": _every(5, "persistence.tasks.sum_up_journal"),
    "make-partitions": _every(60, "persistence.tasks.make_partitions"),
    "forget-old-sessions": _every(3600, "accounts.tasks.forget_old_sessions"),
    "write-resets": _every(5, "accounts.tasks.write_password_resets"),
    "tell-of-liquidations": _every(15, "trading.tasks.tell_of_liquidations"),
    "make-margin-calls": _every(15, "trading.tasks.make_margin_calls"),
    "look-after-stops": _every(5, "console.tasks.look_after_stops"),
    "look-after-freezes": _every(5, "console.tasks.look_after_freezes"),
    "forget-sent-forms": _every(3600, "console.tasks.forget_sent_forms"),
    "drop-old-exports": _every(3600, "console.tasks.drop_old_exports"),
    "watch": _every(10, "console.tasks.watch"),
    "send-webhooks": _every(5, "console.tasks.send_webhooks"),
    "send-withdrawals": _every(2, "custody.tasks.send_withdrawals"),
    "apply-news-of-custody": _every(1, "custody.tasks.apply_news"),
    "ask-custody": _every(5, "custody.tasks.ask_custody"),
    "forget-old-news-of-custody": _every(3600, "custody.tasks.forget_old_news"),
    "send-mails": _every(5, "mails.tasks.send_mails"),
    "forget-old-webhooks": _every(3600, "console.tasks.forget_old_webhooks"),
    "forget-old-mails": _every(3600, "mails.tasks.forget_old_mails"),
    "log-audit-head": {
        "task": "console.tasks.log_audit_head",
        "schedule": crontab(hour=0, minute=0),
        "options": {"expires": 3600.0},
    },
}
