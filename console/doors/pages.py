"""The console's own pages: what each asks of whoever comes."""

from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest

import console.operators.views as operators
from console.alerts.views import HANDLE as HANDLE_ALERT
from console.alerts.views import PERMISSION as ALERTS
from console.exports.views import PERMISSION as EXPORTS
from console.families import rules as family_rules
from console.families.views import EXPORT as STATEMENT
from console.families.views import SEE as FAMILY
from console.freeze.views import PERMISSION as FREEZE
from console.hindsight.views import RUN as RECKON
from console.hindsight.views import VIEW as HINDSIGHT
from console.incident.views import PERMISSIONS as TIMELINE
from console.incident.views import REPLAY
from console.launch import views as launch
from console.money.services import PERMISSION as RECONCILE
from console.money.views import VIEW as MONEY
from console.operators.services import MANAGE
from console.people.views import PERMISSION as EXPORT_PERSON
from console.people.views import SEE as SEE_PERSON
from console.policy.views import CHANGE as CHANGE_POLICY
from console.policy.views import VIEW as POLICY
from console.risk.views import NEEDED_OF_TRADER
from console.risk.views import PERMISSION as RISK
from console.seen_as.views import PERMISSION as SEE_AS
from console.stop.views import PERMISSION as STOP
from console.stress.views import PERMISSION as STRESS
from console.today.views import NEEDED as TODAY
from console.versions.views import CHANGES as CHANGE_RULES
from console.versions.views import PERMISSION as VERSIONS
from console.withdrawals import custody
from console.withdrawals import views as withdrawals

Needs = tuple[str, ...]  # permissions, all of them; none: whoever the site lets in


@dataclass(frozen=True)
class Page:
    """A url of the site by its name. ``do``: what to post there needs, None where nothing can be
    done. ``is_public``: nobody needs to be signed in. ``is_read_by_post``: Django answers both
    methods alike."""

    name: str
    see: Needs | None = ()
    do: Needs | None = None
    is_public: bool = False
    is_read_by_post: bool = False

    def lets_see(self, request: HttpRequest) -> bool:
        return self._lets(request, self.see)

    def lets_do(self, request: HttpRequest) -> bool:
        return self._lets(request, self.do)

    def _lets(self, request: HttpRequest, needs: Needs | None) -> bool:
        if needs is None:
            return False
        enters = self.is_public or admin.site.has_permission(request)
        return enters and all(map(request.user.has_perm, needs))


PAGES = (
    Page("login", do=(), is_public=True),
    Page("join", do=(), is_public=True),
    Page("factor", do=(), is_public=True),
    Page("factor-options", see=None, do=(), is_public=True),
    Page("factor-enrol", do=(), is_public=True),
    Page("factor-enrol-options", see=None, do=(), is_public=True),
    Page("unlock", do=(), is_public=True),
    Page("factors", do=()),
    Page("logout", see=None, do=(), is_public=True),
    Page("password_change", do=()),
    Page("password_change_done"),
    Page("index", is_read_by_post=True),
    Page("app_list", is_read_by_post=True),
    Page("search", is_read_by_post=True),
    Page("jsi18n"),
    Page("autocomplete"),
    Page("status"),
    Page("today-series", see=TODAY),
    Page("stop", see=(STOP,), do=(STOP,)),
    Page("freeze", see=(FREEZE,), do=(FREEZE,)),
    Page("family", see=FAMILY),
    Page("family-statement", see=None, do=(*FAMILY, STATEMENT)),
    Page(
        "transfer-rule",
        see=(family_rules.SEE_TRANSFERS,),
        do=(family_rules.SEE_TRANSFERS, family_rules.SET_TRANSFERS),
    ),
    Page(
        "referral-rule",
        see=(family_rules.SEE_SHARE,),
        do=(family_rules.SEE_SHARE, family_rules.SET_SHARE),
    ),
    Page("see-as", see=(SEE_AS,)),
    Page("see-as-page", see=(SEE_AS,)),
    Page("see-as-read", see=(SEE_AS,)),
    Page("person-export", see=(EXPORT_PERSON, SEE_PERSON), do=(EXPORT_PERSON, SEE_PERSON)),
    Page("risk", see=(RISK,)),
    Page("risk-trader", see=NEEDED_OF_TRADER),
    Page("stress", see=(STRESS,), do=(STRESS,)),
    Page("stress-run", see=(STRESS,), do=(STRESS,)),
    Page("money", see=(MONEY,), do=(MONEY, RECONCILE)),
    Page(
        "withdrawals",
        see=(withdrawals.VIEW,),
        do=(withdrawals.VIEW, withdrawals.STOP),
    ),
    Page(
        "withdrawal",
        see=(withdrawals.VIEW,),
        do=(withdrawals.VIEW, withdrawals.DECIDE),
    ),
    # Each act there needs one of them; the groups that have one have all.
    Page("custody", see=(custody.VIEW,), do=(custody.VIEW, *custody.ACTS.values())),
    Page("exports", see=(EXPORTS,), do=(EXPORTS,)),
    Page("export-file", see=(EXPORTS,)),
    Page("why", see=("trading.view_order",)),
    Page("incident", see=TIMELINE, do=(*TIMELINE, REPLAY)),
    Page("hindsight", see=(HINDSIGHT,), do=(HINDSIGHT, RECKON)),
    Page("hindsight-run", see=(HINDSIGHT,), do=(HINDSIGHT, RECKON)),
    Page("alerts", see=(ALERTS,), do=(ALERTS, HANDLE_ALERT)),
    Page("alert", see=(ALERTS,), do=(ALERTS, HANDLE_ALERT)),
    Page("launch", see=launch.PERMISSIONS, do=launch.PERMISSIONS),
    Page("launch-preview", see=None, do=launch.PERMISSIONS),
    Page("launch-check", see=None, do=(*launch.PERMISSIONS, launch.CHECKS)),
    Page("launch-market", see=(launch.VIEWS,), do=(launch.VIEWS, launch.OPENS)),
    Page("market-versions", see=(VERSIONS,), do=(VERSIONS, *CHANGE_RULES)),
    Page("policy", see=(POLICY,), do=(POLICY, CHANGE_POLICY)),
    Page("operators", see=(operators.VIEW,)),
    Page("operator", see=(operators.VIEW,), do=(operators.VIEW, MANAGE)),
    Page("operator-invite", see=(MANAGE,), do=(MANAGE,)),
    Page("invitation-link", see=None, do=(MANAGE,)),
    Page("invitation-withdraw", see=None, do=(MANAGE,)),
)
