from celery import shared_task
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.utils import aware_utcnow


@shared_task
def flush_expired_tokens() -> None:
    """Forget refresh tokens that have expired, and with them their entries in the blacklist."""
    OutstandingToken.objects.filter(expires_at__lte=aware_utcnow()).delete()
