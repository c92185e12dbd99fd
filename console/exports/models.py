from enum import StrEnum

from django.db import models

from common.choices import choices
from console.jobs.models import Job, one_at_a_time


class ExportKind(StrEnum):
    JOURNAL = "journal"
    FILLS = "fills"


class ExportRun(Job):
    """A month as a file. Its steps are keys of the rows it is read from.

    month       its first day; what had ended of it by UTC when the run was asked for
    file_bytes  of the file, packed; 0 where there is none
    is_kept     whether its parts are still there
    """

    kind = models.CharField(max_length=10, choices=choices(ExportKind))
    month = models.DateField()
    rows = models.BigIntegerField(default=0)
    file_bytes = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, default="")
    is_kept = models.BooleanField(default=False)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        permissions = (("export_month", "Can export a month of the books"),)
        constraints = (one_at_a_time("one_export_at_a_time"),)

    def __str__(self) -> str:
        return f"{self.kind} of {self.month:%Y-%m}"

    @property
    def file_name(self) -> str:
        return f"{self.kind}-{self.month:%Y-%m}-{self.pk}.csv.gz"


class ExportPart(models.Model):
    """A piece of a file; all of them in their order are the file."""

    run = models.ForeignKey(ExportRun, models.CASCADE, related_name="parts", db_index=False)
    number = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=["run", "number"], name="export_part_once"),)

    def __str__(self) -> str:
        return f"part {self.number} of {self.run_id}"
