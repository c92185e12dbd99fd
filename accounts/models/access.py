"""Who may come in, as what, and from where: users, sign-ins, freezes, invitations, keys."""

from typing import Any, ClassVar

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.contrib.auth.models import AbstractUser, Group
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Collate, Lower, Now

from approvals.models import Proposal
from common.reasons import REASON_MAX
from common.scopes import Scope

USERNAME_LENGTH_MAX = 64
CLIENT_LENGTH_MAX = 200
KEY_NAME_LENGTH_MAX = 50
USERNAME = RegexValidator(
    r"\A[A-Za-z0-9_](?:[A-Za-z0-9_.@+-]*[A-Za-z0-9_])?\Z",
    "Use letters, digits and _, and between them also . - + and @.",
)


class UserManager(DjangoUserManager["User"]):
    """Django's makes a user with a mail, which ours are of `Person`."""

    use_in_migrations = False

    def create_user(  # type: ignore[override]
        self, username: str, password: str | None = None, **fields: Any
    ) -> "User":
        user = self.model(username=username, password=make_password(password), **fields)
        user.save(using=self._db, force_insert=True)
        return user

    def create_superuser(  # type: ignore[override]
        self, username: str, password: str | None = None, **fields: Any
    ) -> "User":
        return self.create_user(username, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A trader or an operator. ``is_active`` unset is a suspended or a closed account.

    The primary key is the ``account_id`` of messages. Who it is, is `Person`'s to say.

    parent       of a sub-account: the main one (`accounts.families`), which has none
    archived_at  since when nothing acts for a sub-account
    """

    first_name = last_name = email = None  # type: ignore[assignment]
    EMAIL_FIELD = ""
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[UserManager] = UserManager()

    username = models.CharField(
        max_length=USERNAME_LENGTH_MAX,
        unique=True,
        validators=[USERNAME],
        error_messages={"unique": "That username is taken."},
    )
    parent = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        editable=False,
        db_index=False,
        related_name="sub_accounts",
    )
    archived_at = models.DateTimeField(null=True, editable=False)

    class Meta(AbstractUser.Meta):
        permissions = [
            ("suspend_user", "Can suspend and resume users"),
            ("manage_operators", "Can invite operators, end their sessions and let them go"),
            ("see_as_trader", "Can look at what a trader sees, without a way to act"),
        ]
        constraints = [
            models.UniqueConstraint(Lower("username"), name="user_username_ignoring_case"),
            models.CheckConstraint(
                condition=Q(parent=None, archived_at=None)
                | Q(
                    parent__isnull=False,
                    is_staff=False,
                    is_superuser=False,
                    password__startswith=UNUSABLE_PASSWORD_PREFIX,
                ),
                name="user_sub_account_signs_in_nowhere",
            ),
            models.CheckConstraint(condition=~Q(parent=F("id")), name="user_not_own_parent"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(is_active=False), name="user_suspended"),
            models.Index(fields=["id"], condition=Q(is_staff=True), name="user_operator"),
            models.Index(fields=["date_joined"], name="user_joined"),
            models.Index(
                fields=["parent"], condition=Q(parent__isnull=False), name="user_of_parent"
            ),
            # Names by their beginning, whatever the database's collation.
            models.Index(Collate(Lower("username"), "C"), name="user_username_beginning"),
        ]

    def clean(self) -> None:
        self.username = self.normalize_username(self.username)

    def get_full_name(self) -> str:
        return ""

    def get_short_name(self) -> str:
        return self.username

    @property
    def account_name(self) -> str:
        """Of a sub-account; empty of a main one."""
        return self.username.partition("/")[2]


class Door(models.TextChoices):
    API = "api", "API"
    CONSOLE = "console", "console"


class SignInStep(models.TextChoices):
    PASSWORD = "password", "password"
    SECOND_FACTOR = "second_factor", "second factor"


class SignInFailure(models.Model):
    """A wrong password or second factor at a door, or a right one of somebody who may not enter.
    The name is what was typed: of a user or of nobody."""

    username = models.CharField(max_length=USERNAME_LENGTH_MAX)
    door = models.CharField(max_length=7, choices=Door.choices, db_default=Door.CONSOLE)
    step = models.CharField(max_length=13, choices=SignInStep.choices, db_default="password")
    address = models.GenericIPAddressField(null=True)
    failed_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "failed sign-in"
        indexes = [
            models.Index(fields=["failed_at"], name="sign_in_failure_time"),
            models.Index(Collate(Lower("username"), "C"), name="sign_in_failure_name"),
        ]

    def __str__(self) -> str:
        return f"failed sign-in {self.pk} as {self.username}"


class EndReason(models.TextChoices):
    SIGNED_OUT = "signed_out", "signed out"
    ENDED_BY_USER = "ended_by_user", "ended from another session"
    ENDED_BY_OPERATOR = "ended_by_operator", "ended by an operator"
    PASSWORD_CHANGED = "password_changed", "password changed"
    SUSPENDED = "suspended", "user suspended"
    TOKEN_REUSED = "token_reused", "refresh token used twice"
    CROWDED_OUT = "crowded_out", "too many sessions"
    FACTOR_RESET = "factor_reset", "second factor reset"
    ACCOUNT_CLOSED = "account_closed", "account closed"


class Session(models.Model):
    """A trader's sign-in, from password to end. Holds no token, only the hash of one's id.

    ``factor_at``: when a second factor was shown in it last
    """

    user = models.ForeignKey(User, models.CASCADE, db_index=False, related_name="sessions")
    refresh_hash = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    renewed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)
    client = models.CharField(max_length=CLIENT_LENGTH_MAX)
    factor_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=20, choices=EndReason.choices, blank=True)

    class Meta:
        permissions = [("end_session", "Can end sessions of users")]
        indexes = [
            models.Index(fields=["user", "id"], name="session_of_user"),
            models.Index(fields=["user"], condition=Q(ended_at=None), name="session_open_of_user"),
            models.Index(
                fields=["ended_at"], condition=Q(ended_at__isnull=False), name="session_ended"
            ),
            models.Index(fields=["expires_at"], name="session_expiry"),
        ]

    def __str__(self) -> str:
        return f"session {self.pk} of {self.user}"


class Freeze(models.Model):
    """A trader kept from signing in and trading until it is lifted, by an operator or by its end.

    was_active   what lifting gives back: whoever was suspended before stays so
    reduces      positions are to be closed, too
    reductions   by market: the newest order that was to close the position, or why there is none
    """

    user = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="freezes")
    reason = models.CharField(max_length=REASON_MAX)
    was_active = models.BooleanField()
    frozen_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    frozen_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(null=True)
    reduces = models.BooleanField(default=False)
    reductions = models.JSONField(default=dict)
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        permissions = [("freeze_user", "Can freeze traders and lift it")]
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(lifted_at=None), name="freeze_open_once_of_user"
            ),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="freeze_of_user")]

    def __str__(self) -> str:
        return f"freeze {self.pk} of {self.user}"


class StaffSession(AbstractBaseSession):
    """An operator's browser session, found by the hash of its key (`accounts.staff.sessions`).

    ``seen_at``: to the minute
    """

    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="staff_sessions")
    address = models.GenericIPAddressField(null=True)
    client = models.CharField(max_length=CLIENT_LENGTH_MAX)
    opened_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"operator session of {self.user} from {self.address}"


class Invitation(models.Model):
    """Who is to become an operator, by a link that works once.

    mail         goes to who came of it (`Person`) once that is somebody
    is_first     made by the only operator there is or ever was, whom nobody could approve
    token_hash   of the link's token; none before the link was made
    expires_at   until then the link is to be made, and once it is, used
    user         who came of it
    """

    username = models.CharField(max_length=USERNAME_LENGTH_MAX, validators=[USERNAME])
    mail = models.EmailField()
    groups = models.ManyToManyField(Group, related_name="+")
    is_superuser = models.BooleanField("superuser", default=False)
    is_first = models.BooleanField(default=False)
    reason = models.CharField(max_length=REASON_MAX)
    inviter = models.ForeignKey(User, models.PROTECT, related_name="+")
    proposal = models.ForeignKey(Proposal, models.PROTECT, null=True, related_name="+")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    token_hash = models.CharField(max_length=64, null=True, unique=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="invitation_open_once_per_name",
            ),
            models.UniqueConstraint(
                fields=["is_first"],
                condition=Q(is_first=True, accepted_at__isnull=False),
                name="invitation_accepted_first_once",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True, user__isnull=True)
                | Q(accepted_at__isnull=False, user__isnull=False, withdrawn_at__isnull=True),
                name="invitation_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return f"invitation of {self.username}"


class Departure(models.Model):
    """An operator who is one no more."""

    user = models.ForeignKey(User, models.PROTECT, related_name="departures")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.CharField(max_length=REASON_MAX)
    left_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"departure of {self.user}"


class ApiKey(models.Model):
    """What a trader's program signs with; how is told in `accounts.keys`.

    user           the account it acts for: of its owner, main or sub-account
    public_id      names the key in requests; its first two letters say its kind
    public_key     of Ed25519, 32 bytes; such a key has no secret here
    sealed_secret  of HMAC: opens only with a key that is not in the database
    addresses      networks it may be used from; from anywhere if there are none
    """

    user = models.ForeignKey(User, models.CASCADE, db_index=False, related_name="api_keys")
    name = models.CharField(max_length=KEY_NAME_LENGTH_MAX)
    public_id = models.CharField(max_length=34, unique=True)
    public_key = models.BinaryField(null=True)
    sealed_secret = models.BinaryField(null=True)
    may_read = models.BooleanField()
    may_trade = models.BooleanField()
    may_withdraw = models.BooleanField()
    addresses = ArrayField(models.CharField(max_length=43), default=list)
    made_at = models.DateTimeField(db_default=Now())
    made_from = models.GenericIPAddressField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    revoke_reason = models.CharField(max_length=REASON_MAX, blank=True)
    last_used_at = models.DateTimeField(null=True)
    last_address = models.GenericIPAddressField(null=True)
    use_count = models.BigIntegerField(db_default=0)

    class Meta:
        verbose_name = "API key"
        default_permissions = ("view",)
        permissions = [("revoke_key", "Can revoke traders' API keys")]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"], condition=Q(revoked_at=None), name="api_key_name_of_user"
            ),
            models.CheckConstraint(
                condition=Q(public_key=None, sealed_secret__isnull=False)
                | Q(public_key__isnull=False, sealed_secret=None),
                name="api_key_of_one_kind",
            ),
            models.CheckConstraint(
                condition=Q(may_read=True) | Q(may_trade=True) | Q(may_withdraw=True),
                name="api_key_may_something",
            ),
            models.CheckConstraint(
                condition=Q(may_withdraw=False) | Q(addresses__len__gt=0),
                name="api_key_withdraws_from_somewhere",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "id"], name="api_key_of_user"),
            models.Index(
                fields=["revoked_at"], condition=Q(revoked_at__isnull=False), name="api_key_revoked"
            ),
        ]

    def __str__(self) -> str:
        return f"API key {self.pk} {self.name!r}"

    @property
    def kind(self) -> str:
        return "HMAC-SHA256" if self.public_key is None else "Ed25519"

    @property
    def scopes(self) -> frozenset[Scope]:
        return frozenset(scope for scope in Scope if getattr(self, f"may_{scope}"))


class ServedRequest(models.Model):
    """One that was signed with a key and changed something, so that it does so once
    (`accounts.keys.replays`)."""

    digest = models.CharField(max_length=64, primary_key=True)
    good_until = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["good_until"], name="served_request_end")]

    def __str__(self) -> str:
        return f"served request {self.digest[:8]}"
