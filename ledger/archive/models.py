"""Files of rows, what accounts have in those of postings, and which of them stand for a partition.
Only ever added: Postgres refuses to change one."""

from collections.abc import Collection
from enum import StrEnum

from django.contrib.postgres.fields import ArrayField
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from ledger.archive.rows import POSTINGS, Layout


class ArchiveStepKind(StrEnum):
    DETACHED = "detached"
    ATTACHED = "attached"


class ArchiveFile(models.Model):
    """All rows of a table with ids from ``first_id`` on and below ``end_id``, as they were in a
    partition.

    Of postings ``first_entry_id`` and ``last_entry_id`` are of the entries they name, of others 0.
    ``amount_units`` is the sum of the column that the table's files are added up by: of postings
    zero, but for an entry that lies across the border. ``seal`` is the number of the newest seal
    then, which covers all of these rows. ``footer_sha256`` is of what Parquet reads first.
    """

    table = models.CharField(max_length=63, db_default=POSTINGS.table)
    first_id = models.BigIntegerField("first row")
    end_id = models.BigIntegerField("before row")
    row_count = models.BigIntegerField("rows")
    first_entry_id = models.BigIntegerField(default=0)
    last_entry_id = models.BigIntegerField(default=0)
    amount_units = models.DecimalField(max_digits=40, decimal_places=0)
    name = models.CharField(max_length=100)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    footer_sha256 = models.CharField(max_length=64)
    schema_version = models.IntegerField()
    seal = models.BigIntegerField()
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["first_id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["first_id", "sha256"], name="archive_file_once"),
        ]

    def __str__(self) -> str:
        return self.name


class ArchiveStep(models.Model):
    """A file came to stand for its partition, or its rows were attached again."""

    file = models.ForeignKey(ArchiveFile, models.PROTECT, related_name="steps", db_index=False)
    kind = models.CharField(max_length=8, choices=[(k.value, k.value) for k in ArchiveStepKind])
    at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["file", "id"], name="archive_step_of_file")]

    def __str__(self) -> str:
        return f"{self.file} {self.kind}"


class ArchivedAccount(models.Model):
    """What an account has in a file: rows, their sum, in which of its row groups they lie, and what
    all postings of the account up to the file's end sum up to. Only of accounts that moved."""

    file = models.ForeignKey(ArchiveFile, models.PROTECT, related_name="accounts")
    account = models.ForeignKey(
        "ledger.Account", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    row_count = models.BigIntegerField()
    amount_units = models.BigIntegerField()
    total_units = models.BigIntegerField()
    groups = ArrayField(models.IntegerField())

    class Meta:
        default_permissions = ()
        constraints = [
            # What is there of one account is found for every page that reaches beyond the table.
            models.UniqueConstraint(fields=["account", "file"], name="archived_account_once"),
        ]

    def __str__(self) -> str:
        return f"{self.row_count} postings of account {self.account_id}"


class ArchivedHold(models.Model):
    """What postings in a file had held for an order that had not ended by then: a run of
    reconciliation that looks at the order adds up all that was."""

    file = models.ForeignKey(ArchiveFile, models.PROTECT, related_name="holds", db_index=False)
    order_id = models.BigIntegerField("order")
    market = models.ForeignKey(
        "markets.Market", models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    amount_units = models.BigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["order_id", "file"], name="archived_hold_once"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_units} held for order {self.order_id}"


# As a part of statements: the ids of files that stand for their partition.
DETACHED = f"""
SELECT file.id FROM ledger_archivefile file
 CROSS JOIN LATERAL (SELECT kind FROM ledger_archivestep WHERE file_id = file.id
                      ORDER BY id DESC LIMIT 1) step
 WHERE step.kind = '{ArchiveStepKind.DETACHED}'
"""  # noqa: S608  a word of ours


def detached_files(layout: Layout) -> QuerySet[ArchiveFile]:
    """Those that stand for their partition of a table, in the order of their ids. As the primary
    knows it, whose table they are read beside."""
    steps = ArchiveStep.objects.filter(file=OuterRef("pk")).order_by("-pk")
    last = Subquery(steps.values("kind")[:1])
    files = ArchiveFile.objects.using(DEFAULT_DB_ALIAS).filter(table=layout.table)
    return files.alias(last=last).filter(last=ArchiveStepKind.DETACHED)


def told_of_accounts(account_ids: Collection[int]) -> QuerySet[ArchivedAccount]:
    """What they have in any file. As the primary knows it."""
    return ArchivedAccount.objects.using(DEFAULT_DB_ALIAS).filter(account_id__in=account_ids)
