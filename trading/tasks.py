from celery import shared_task

from trading.services import resend_unseen_commands as resend


@shared_task
def resend_unseen_commands() -> None:
    resend()
