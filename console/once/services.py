from datetime import timedelta

from django.utils import timezone

from console.once.models import SentForm

KEPT_FOR = timedelta(days=1)  # no session is as long


def forget_old() -> None:
    SentForm.objects.filter(sent_at__lt=timezone.now() - KEPT_FOR).delete()
