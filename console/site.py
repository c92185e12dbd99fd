"""The operators' console: Django's admin in unfold's look, with pages of its own.

Unfold's scripts (Alpine) compile what stands in its templates' attributes and set styles of
elements, so that pages of the console, and no others, allow that. No page anywhere has a script or
a style sheet within the page.
"""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.conf import settings
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_POST, require_safe

from console.navigation import sidebar
from console.search import search_view

if TYPE_CHECKING:  # unfold has no types
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite

REFRESH_S = 3
AnyResponse = TypeVar("AnyResponse", bound=HttpResponseBase)
_allowing_unfold: Callable[[Any], Any] = csp_update(
    {"script-src": [UNSAFE_EVAL], "style-src-attr": [UNSAFE_INLINE]}
)


class _DeclaredAutocomplete(AutocompleteJsonView):
    """Only what a page of ours asks. Django serves every relation to a model that has a search."""

    admin_site: AdminSite

    def process_request(self, request: HttpRequest) -> tuple[Any, ...]:
        term, found_in, source_field, to_field = super().process_request(request)
        asking = self.admin_site._registry.get(source_field.model)
        if asking is None or source_field.name not in asking.get_autocomplete_fields(request):
            raise PermissionDenied
        return term, found_in, source_field, to_field


class ExchangeAdminSite(AdminSite):
    index_title = "Today"
    site_url = "/docs"

    def has_permission(self, request: HttpRequest) -> bool:
        """Staff whom nobody has given anything to do have nothing to see, and nobody has in a
        session in which no second factor was shown."""
        from console.factors.door import has_shown  # as in `_snapshot`

        user = request.user
        return (
            super().has_permission(request)
            and has_shown(request)
            and (bool(getattr(user, "is_superuser", False)) or bool(user.get_all_permissions()))
        )

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """As Django's own, but that a password is the first of two steps."""
        from console.factors.door import has_shown, subject_of  # as in `_snapshot`
        from console.factors.signing_in import StaffSignInView

        if request.method == "GET" and request.user.is_authenticated:
            if self.has_permission(request):
                return HttpResponseRedirect(reverse("admin:index", current_app=self.name))
            if subject_of(request) is not None and not has_shown(request):
                asked = request.META.get("QUERY_STRING", "")
                return HttpResponseRedirect(f"{reverse('admin:factor')}?{asked}")
        context = {
            **self.each_context(request),
            "title": "Log in",
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **(extra_context or {}),
        }
        if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
            context[REDIRECT_FIELD_NAME] = reverse("admin:index", current_app=self.name)
        request.current_app = self.name
        view = _allowing_unfold(StaffSignInView.as_view(extra_context=context))
        response: HttpResponse = view(request)
        return _asking_to_wait(response)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """What is dangerous asks for a second factor before it is passed on, and a form that is
        sent again is not."""
        from console.factors.asking import asking_first  # as in `_snapshot`
        from console.once.guard import sent_once

        guarded = asking_first(sent_once(view), self)
        return super().admin_view(_allowing_unfold(guarded), cacheable)

    def bare_view(self, view: Any) -> Any:
        """Of a page that can't act, and isn't in unfold's look: what unfold needs isn't allowed."""
        return super().admin_view(view)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Colours are in the style sheet: unfold would write them into every page. Signed in, what
        the house says stands above it."""
        context = {**super().each_context(request), "colors": None}
        if self.has_permission(request):
            context["announcements"] = _announced()
            if request.user.has_perm("console.view_alert"):
                context["alerts_waiting"] = _alerts_waiting()
        return context

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """A list, once a page looks at it: few do, and making it takes longer than they do."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        return sidebar(self, request)

    def search(
        self,
        request: HttpRequest,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002  unfold passes it
    ) -> HttpResponseBase:
        """Unfold's own asks every table for what contains the words, and keeps what it found."""
        return search_view(self, request)

    def password_change(  # type: ignore[override]  # a redirect is no template's
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """As Django's own, but for the form."""
        from accounts.staff.sign_in import StaffPasswordForm  # as in `_snapshot`

        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=partial(StaffPasswordForm, request=request),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return _asking_to_wait(view(request))

    def autocomplete_view(  # type: ignore[override]  # a view's answer is any kind
        self, request: HttpRequest
    ) -> HttpResponseBase:
        return _DeclaredAutocomplete.as_view(admin_site=self)(request)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        from console.factors.urls import factor_urls  # as in `_snapshot`
        from console.families.urls import family_urls
        from console.operators.urls import operator_urls
        from console.people.urls import people_urls
        from console.today.views import series_view
        from console.withdrawals.urls import withdrawal_urls

        own = [
            *operator_urls(self, _allowing_unfold),
            *factor_urls(self, _allowing_unfold),
            *people_urls(self),
            *family_urls(self),
            path("status/", self.admin_view(require_safe(self.status_view)), name="status"),
            path("today/series/", self.admin_view(require_safe(series_view)), name="today-series"),
            path("launch/", self.admin_view(self.launch), name="launch"),
            path(
                "launch/preview/",
                self.admin_view(require_POST(self.launch_preview)),
                name="launch-preview",
            ),
            path(
                "launch/check/",
                self.admin_view(require_POST(self.launch_check)),
                name="launch-check",
            ),
            path(
                "launch/market/<str:market_id>/",
                self.admin_view(self.launch_market),
                name="launch-market",
            ),
            path("rules/<str:market_id>/", self.admin_view(self.versions), name="market-versions"),
            path("policy/", self.admin_view(self.policy), name="policy"),
            path("money/", self.admin_view(self.money), name="money"),
            path("exports/", self.admin_view(self.exports), name="exports"),
            path("exports/<int:run_id>/", self.admin_view(self.export_file), name="export-file"),
            path("alerts/", self.admin_view(self.alerts), name="alerts"),
            path("alerts/<int:alert_id>/", self.admin_view(self.alert), name="alert"),
            path("stop/", self.admin_view(self.stop), name="stop"),
            path("stress/", self.admin_view(self.stress), name="stress"),
            path("stress/<int:run_id>/", self.admin_view(self.stress_run), name="stress-run"),
            path("incident/", self.admin_view(self.incident), name="incident"),
            path("hindsight/", self.admin_view(self.hindsight), name="hindsight"),
            path(
                "hindsight/<int:run_id>/",
                self.admin_view(self.hindsight_run),
                name="hindsight-run",
            ),
            path("freeze/<int:user_id>/", self.admin_view(self.freeze), name="freeze"),
            path("why/<str:kind>/<int:key>/", self.admin_view(require_safe(self.why)), name="why"),
            path("risk/", self.admin_view(require_safe(self.risk)), name="risk"),
            path(
                "risk/<int:user_id>/",
                self.admin_view(require_safe(self.risk_of_trader)),
                name="risk-trader",
            ),
            # Before each list's own, whose name still leads here.
            path(
                "<str:app>/<str:name>/<path:key>/history/",
                self.admin_view(require_safe(self.history)),
            ),
        ]
        return [*withdrawal_urls(self), *own, *super().get_urls()]

    def stop(self, request: HttpRequest) -> HttpResponse:
        from console.stop.views import stop_view  # as in `_snapshot`

        return stop_view(self, request)

    def alerts(self, request: HttpRequest) -> HttpResponse:
        from console.alerts.views import list_view  # as in `_snapshot`

        return list_view(self, request)

    def alert(self, request: HttpRequest, alert_id: int) -> HttpResponse:
        from console.alerts.views import alert_view  # as in `_snapshot`

        return alert_view(self, request, alert_id)

    def money(self, request: HttpRequest) -> HttpResponse:
        from console.money.views import money_view  # as in `_snapshot`

        return money_view(self, request)

    def exports(self, request: HttpRequest) -> HttpResponseBase:
        from console.exports.views import exports_view  # as in `_snapshot`

        return exports_view(self, request)

    @method_decorator(require_safe)
    def export_file(self, request: HttpRequest, run_id: int) -> HttpResponseBase:
        from console.exports.views import file_view  # as in `_snapshot`

        return file_view(self, request, run_id)

    def incident(self, request: HttpRequest) -> HttpResponseBase:
        from console.incident.views import incident_view  # as in `_snapshot`

        return incident_view(self, request)

    def hindsight(self, request: HttpRequest) -> HttpResponse:
        from console.hindsight.views import list_view  # as in `_snapshot`

        return list_view(self, request)

    def hindsight_run(self, request: HttpRequest, run_id: int) -> HttpResponse:
        from console.hindsight.views import run_view  # as in `_snapshot`

        return run_view(self, request, run_id)

    def policy(self, request: HttpRequest) -> HttpResponse:
        from console.policy.views import policy_view  # as in `_snapshot`

        return policy_view(self, request)

    def launch(self, request: HttpRequest) -> HttpResponse:
        from console.launch.views import launch_view  # as in `_snapshot`

        return launch_view(self, request)

    def launch_preview(self, request: HttpRequest) -> HttpResponse:
        from console.launch.views import preview_view  # as in `_snapshot`

        return preview_view(self, request)

    def launch_check(self, request: HttpRequest) -> HttpResponse:
        from console.launch.views import check_view  # as in `_snapshot`

        return check_view(self, request)

    def launch_market(self, request: HttpRequest, market_id: str) -> HttpResponse:
        from console.launch.views import checklist_view  # as in `_snapshot`

        return checklist_view(self, request, market_id)

    def versions(self, request: HttpRequest, market_id: str) -> HttpResponse:
        from console.versions.views import versions_view  # as in `_snapshot`

        return versions_view(self, request, market_id)

    def freeze(self, request: HttpRequest, user_id: int) -> HttpResponse:
        from console.freeze.views import freeze_view  # as in `_snapshot`

        return freeze_view(self, request, user_id)

    def why(self, request: HttpRequest, kind: str, key: int) -> HttpResponse:
        from console.why.views import why_view  # as in `_snapshot`

        return why_view(self, request, kind, key)

    def risk(self, request: HttpRequest) -> HttpResponse:
        from console.risk.views import board_view  # as in `_snapshot`

        return board_view(self, request)

    def risk_of_trader(self, request: HttpRequest, user_id: int) -> HttpResponse:
        from console.risk.views import trader_view  # as in `_snapshot`

        return trader_view(self, request, user_id)

    def stress(self, request: HttpRequest) -> HttpResponse:
        from console.stress.views import list_view  # as in `_snapshot`

        return list_view(self, request)

    def stress_run(self, request: HttpRequest, run_id: int) -> HttpResponse:
        from console.stress.views import run_view  # as in `_snapshot`

        return run_view(self, request, run_id)

    def history(self, request: HttpRequest, app: str, name: str, key: str) -> HttpResponse:
        from console.audit.admin import history_view  # as in `_snapshot`

        return history_view(self, request, app, name, key)

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        from console.today.views import today_context  # as in `_snapshot`

        context = {"status": _snapshot(), **today_context(request), **(extra_context or {})}
        return super().index(request, context)

    def status_view(self, request: HttpRequest) -> HttpResponse:
        """The whole page, or with ``?part=body`` what its script puts in place of the old."""
        context = {
            **self.each_context(request),
            "title": "Status",
            "status": _snapshot(),
            "refresh_s": REFRESH_S,
        }
        partial = request.GET.get("part") == "body"
        template = "admin/status_body.html" if partial else "admin/status.html"
        return TemplateResponse(request, template, context)


def environment(_request: HttpRequest) -> list[str] | None:
    """What the header says of where one is: nothing, where it is about real money."""
    return ["Demo", "warning"] if settings.DEMO else None


def _asking_to_wait(response: AnyResponse) -> AnyResponse:
    """429 where the page's form refused to look at a password."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    if wait_s := getattr(form, "wait_s", 0):
        response.status_code = HTTPStatus.TOO_MANY_REQUESTS
        response.headers["Retry-After"] = str(wait_s)
    return response


def _announced() -> Any:
    from announcements.selectors import current_announcements  # as in `_snapshot`

    return current_announcements(timezone.now())


def _alerts_waiting() -> Any:
    from console.alerts.selectors import waiting_words  # as in `_snapshot`

    return waiting_words()


def _snapshot() -> Any:
    from console.health.report import exchange_status  # models aren't loaded as the site is made

    return exchange_status()
