from django.conf import settings
from django.db import models
from django.db.models import Q

GENESIS = "0" * 64


class AuditRow(models.Model):
    """One act of an operator. See `console.audit.chain` for its number and its hash.

    operator       None where nobody was signed in, or the name was nobody's
    session        the hash of the operator's browser session, as the table of sessions has it
    object_…       "markets.Market", its key, and what it was called then
    words          from what to what, in human units; a line per field that changed
    sequence       of the market, where the object has one; a command's is with the command
    """

    id = models.BigIntegerField("number", primary_key=True)
    acted_at = models.DateTimeField()
    operator = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    operator_name = models.CharField(max_length=150)
    address = models.GenericIPAddressField(null=True)
    session = models.CharField(max_length=40)
    object_kind = models.CharField("kind of object", max_length=100)
    object_key = models.CharField(max_length=200)
    object_words = models.CharField("object", max_length=200)
    verb = models.CharField(max_length=40)
    words = models.TextField("what")
    reason = models.TextField()
    market = models.CharField(max_length=32)
    sequence = models.BigIntegerField(null=True)
    command_id = models.BigIntegerField("command", null=True)
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name = "audit row"
        indexes = [
            models.Index(fields=["operator", "-id"], name="audit_of_operator"),
            models.Index(fields=["object_kind", "object_key", "-id"], name="audit_of_object"),
            models.Index(fields=["object_key", "-id"], name="audit_of_key"),
            models.Index(fields=["verb", "-id"], name="audit_of_verb"),
        ]

    def __str__(self) -> str:
        return f"audit row {self.pk}"


class AuditHead(models.Model):
    """The newest row's number and hash: one row, locked by whoever writes the next."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    rows = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(id=1), name="audit_head_is_one")]

    def __str__(self) -> str:
        return f"{self.rows}:{self.hash}"
