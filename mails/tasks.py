from celery import shared_task

from common.outgoing.due_rows import forget_old
from mails.models import Mail
from mails.services import send_due_mails


@shared_task
def send_mails() -> None:
    send_due_mails()


@shared_task
def forget_old_mails() -> None:
    forget_old(Mail)
