from django.conf import settings
from django.db import models


class StopAsOrder(models.Model):
    """A conditional order that was sent by the call for plain ones, as older clients do: they look
    for it and cancel it there, too. Written before the order is, so it may name one that there
    never was."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    client_order_id = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user", "client_order_id"], name="stop_as_order_once_per_user"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_order_id} of user {self.user_id}"
