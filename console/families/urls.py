"""Where the pages of families are."""

from functools import partial
from typing import Any

from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe

from console.families import rules, views


def family_urls(site: Any) -> list[URLPattern]:
    return [
        path(
            "family/<int:user_id>/",
            site.admin_view(require_safe(partial(views.family_view, site=site))),
            name="family",
        ),
        path(
            "family/<int:user_id>/statement/",
            site.admin_view(require_POST(views.statement_view)),
            name="family-statement",
        ),
        *(
            path(
                f"{rule.page}/",
                site.admin_view(partial(rules.rule_view, site=site, rule=rule)),
                name=rule.page,
            )
            for rule in (rules.TRANSFERS, rules.SHARE)
        ),
    ]
