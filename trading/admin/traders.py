"""What differs from trader to trader: fees, leverage, countdowns."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.display import user_column
from accounts.models import User
from accounts.staff.operators import operator_of
from common.admin import NOTHING, when
from common.admin.base import BaseAdmin, RecordAdmin, list_link, shown, yes_or_no_column
from common.errors import DomainError
from markets import conversions
from markets.columns import market_column, rate_column
from markets.display import money, percent, plain_percent
from matching.messages.limits import PPM
from trading import services
from trading.http.limits import PER_S as PER_S_DEFAULT
from trading.http.limits import CallKind
from trading.models import Countdown, FeeTier, TraderLeverage, UserFeeTier

if TYPE_CHECKING:  # generic to the type checker alone
    _ModelForm = forms.ModelForm[FeeTier]
    _MemberForm = forms.ModelForm[UserFeeTier]
else:
    _ModelForm = _MemberForm = forms.ModelForm


def _percent(label: str, smallest: int, help_text: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        min_value=Decimal(smallest),
        max_value=Decimal(100),
        max_digits=9,
        decimal_places=4,
    )


PER_S = {f"{kind}_per_s": kind for kind in CallKind}


class FeeTierForm(_ModelForm):
    maker_fee_percent = _percent(
        "Maker fee, %", -100, "Of the value of a resting fill; below zero a rebate."
    )
    taker_fee_percent = _percent(
        "Taker fee, %",
        0,
        "Of the value of an arriving fill; at least the maker's, and at least a rebate.",
    )

    from_volume = forms.DecimalField(
        label="From a volume of 30 days, USD",
        required=False,
        max_digits=19,
        decimal_places=6,
        help_text="Traders move here by what all their accounts traded; empty: by hand only.",
    )

    class Meta:
        model = FeeTier
        fields = ("name", *PER_S)
        labels = {name: name.replace("_per_s", " per second").capitalize() for name in PER_S}
        help_texts = {
            name: f"Of each trader in the long run; {PER_S_DEFAULT[kind]} if left empty."
            for name, kind in PER_S.items()
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            for role in ("maker", "taker"):
                fee = plain_percent(getattr(self.instance, f"{role}_fee_ppm"))
                self.initial[f"{role}_fee_percent"] = fee
            if (volume_units := self.instance.from_volume_units) is not None:
                self.initial["from_volume"] = conversions.units_text(volume_units)

    def clean_from_volume(self) -> int | None:
        volume = self.cleaned_data["from_volume"]
        try:
            units = None if volume is None else conversions.to_units(volume, "The volume")
        except DomainError as error:
            raise forms.ValidationError(error.message) from error
        others = FeeTier.objects.exclude(pk=self.instance.pk)
        if units is not None and others.filter(from_volume_units=units).exists():
            raise forms.ValidationError("Another tier begins at this volume.")
        return units

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own, unknown to the stubs
        if self.errors:
            return
        maker, taker = (
            int(self.cleaned_data[f"{role}_fee_percent"] * PPM / 100) for role in ("maker", "taker")
        )
        self.instance.maker_fee_ppm, self.instance.taker_fee_ppm = maker, taker
        self.instance.from_volume_units = self.cleaned_data["from_volume"]
        if maker > taker:
            self.add_error("taker_fee_percent", "The taker fee must be at least the maker fee.")
        if -maker > taker:
            self.add_error("maker_fee_percent", "A rebate must be at most the taker fee.")


class _MayDelete(BaseAdmin):
    """Rows of the operators' own making, which they may take away again."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(FeeTier)
class FeeTierAdmin(_MayDelete):
    form = FeeTierForm
    ordering = ("name",)
    list_display = ("name", "maker_fee_percent", "taker_fee_percent", "from_volume", "traders")
    search_texts = ("name",)
    search_help_text = "Name."
    fieldsets = (
        (None, {"fields": ("name", ("maker_fee_percent", "taker_fee_percent"), "from_volume")}),
        ("Limits of requests", {"fields": (tuple(PER_S),)}),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_own = obj is not None and services.is_member(obj, operator_of(request))
        return not is_own and super().has_change_permission(request, obj)

    maker_fee_percent = rate_column("maker_fee_ppm", "maker fee")
    taker_fee_percent = rate_column("taker_fee_ppm", "taker fee")

    from_volume = shown(
        "from a volume of",
        lambda t: NOTHING if t.from_volume_units is None else money(t.from_volume_units),
    )
    traders = shown(
        "traders", lambda tier: list_link(UserFeeTier, f"tier__id__exact={tier.pk}", "its traders")
    )


class UserFeeTierForm(_MemberForm):
    """``operator``: who fills it in."""

    operator: User

    class Meta:
        model = UserFeeTier
        fields = ("user", "tier")

    def clean_user(self) -> User:
        user: User = self.cleaned_data["user"]
        try:
            services.check_not_own(user.pk, self.operator)
        except DomainError as error:
            raise forms.ValidationError(error.message) from error
        return user


def _is_own(request: HttpRequest, row: UserFeeTier | None) -> bool:
    """Also of an account of one's own."""
    return row is not None and request.user.pk in (row.user_id, row.user.parent_id)


@admin.register(UserFeeTier)
class UserFeeTierAdmin(_MayDelete):
    """Operators see their own tier, and others set it."""

    form = UserFeeTierForm
    list_display = ("user_name", "tier", "maker_fee", "taker_fee", "how", "assigner")
    list_filter = ("tier",)
    list_select_related = ("user", "tier", "assigned_by")
    walked_by = ("tier__id__exact",)
    search_ids = ("user",)
    search_users = ("user",)
    search_help_text = "User id, or the beginning of a username."
    autocomplete_fields = ("user",)
    fields = ("user", "tier")

    # The list links its first column to the record, so the name there is plain.
    user_name = shown("user", lambda row: row.user.get_username())
    maker_fee = shown("maker fee", lambda row: percent(row.tier.maker_fee_ppm))
    taker_fee = shown("taker fee", lambda row: percent(row.tier.taker_fee_ppm))
    how = shown("set by", lambda row: "volume" if row.by_volume else "hand")
    assigner = user_column("assigned by", "assigned_by")

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        made = super().get_form(request, *args, **kwargs)
        made.operator = operator_of(request)
        return made

    def save_model(self, request: HttpRequest, obj: UserFeeTier, form: Any, change: bool) -> None:
        """Also what volume had set, once it is saved here."""
        if not change or form.has_changed() or obj.by_volume:
            services.assign_fee_tier(obj, by=operator_of(request))

    def delete_model(self, request: HttpRequest, obj: UserFeeTier) -> None:  # noqa: ARG002
        services.take_out_of_tier(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[UserFeeTier]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_own(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _is_own(request, obj) and super().has_delete_permission(request, obj)

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002  Django passes it
        obj: UserFeeTier | None = None,
    ) -> tuple[str, ...]:
        return ("user",) if obj else ()


@admin.register(TraderLeverage)
class TraderLeverageAdmin(RecordAdmin):
    list_display = ("id", "user_name", "market_link", "times")
    list_filter = ("market",)
    list_select_related = ("user",)
    search_ids = ("id", "user")
    search_users = ("user",)
    search_help_text = "Id, user id, or the beginning of a username."
    fieldsets = ((None, {"fields": ("user_name", "market_link", "times")}),)

    user_name = user_column()
    market_link = market_column()
    times = shown("leverage of orders that name none", lambda row: f"{row.leverage}×")


@admin.register(Countdown)
class CountdownAdmin(RecordAdmin):
    list_display = ("id", "user_name", "market_link", "due", "reaches_protective")
    list_filter = ("market",)
    list_select_related = ("user",)
    search_ids = ("id", "user")
    search_users = ("user",)
    search_help_text = "Id, user id, or the beginning of a username."
    fieldsets = ((None, {"fields": ("user_name", "market_link", "due", "reaches_protective")}),)

    user_name = user_column()
    market_link = market_column()
    reaches_protective = yes_or_no_column("protective", "waiting reduce-only orders, too")
    due = shown(
        "cancels all orders at",
        lambda row: when(datetime.fromtimestamp(row.due_ms / 1_000, UTC)),
    )
