"""Rows of which old ones lie in files: the list has those of the table, a row's page also one that
lies in a file."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Any

from django.http import HttpRequest

from common.admin.base import Cell, ListWay, RecordAdmin
from ledger.archive.models import detached_files
from ledger.archive.rows import Layout


class ArchivedRecordAdmin(RecordAdmin):
    @abstractmethod
    def row_shown(self, key: int) -> AbstractContextManager[None]:
        """While it is entered, the row with this key is found wherever it is."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        found = super().get_object(request, object_id, from_field)
        if found is not None or not object_id.isdecimal():
            return found
        with self.row_shown(int(object_id)):
            return super().get_object(request, object_id, from_field)


def where_older_are(layout: Layout, rows: str, pages_that_have_them: str) -> ListWay:
    def where(_request: HttpRequest) -> Cell:
        newest = detached_files(layout).order_by("first_id").last()
        if newest is None:
            return ""
        return (
            f"{rows} before {newest.end_id:,} lie in files: this list has none of them, the pages"
            f" of their {pages_that_have_them} have."
        )

    return where
