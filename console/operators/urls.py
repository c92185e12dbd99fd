"""Where the pages of operators are."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.urls import URLPattern, path

from console.operators import invitations, views


def operator_urls(site: Any, on_page: Callable[[Any], Any]) -> list[URLPattern]:
    """``on_page``: what pages of the console allow scripts of ours. The invited is nobody yet."""

    def on_site(view: Any) -> Any:
        return site.admin_view(partial(view, site=site))

    return [
        # Hashes a password: so its end, by which servers give it a place.
        path(
            "join/<str:token>/password/",
            on_page(partial(invitations.join_view, site=site)),
            name="join",
        ),
        path("operators/", on_site(views.list_view), name="operators"),
        path("operators/invite/", on_site(invitations.invite_view), name="operator-invite"),
        path("operators/<int:user_id>/", on_site(views.operator_view), name="operator"),
        path(
            "operators/invitations/<int:invitation_id>/link/",
            on_site(invitations.link_view),
            name="invitation-link",
        ),
        path(
            "operators/invitations/<int:invitation_id>/withdraw/",
            on_site(invitations.withdraw_view),
            name="invitation-withdraw",
        ),
    ]
