"""Where the pages of withdrawals and custody are."""

from functools import partial
from typing import Any

from django.urls import URLPattern, path

from console.withdrawals.custody import custody_view
from console.withdrawals.views import queue_view, withdrawal_view


def withdrawal_urls(site: Any) -> list[URLPattern]:
    def on_site(view: Any) -> Any:
        return site.admin_view(partial(view, site))

    return [
        path("withdrawals/", on_site(queue_view), name="withdrawals"),
        path("withdrawals/<int:withdrawal_id>/", on_site(withdrawal_view), name="withdrawal"),
        path("custody/", on_site(custody_view), name="custody"),
    ]
