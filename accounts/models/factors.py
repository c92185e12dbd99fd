"""What somebody shows besides a password (`accounts.factors`), and guesses at either."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models.access import USERNAME_LENGTH_MAX, User
from approvals.models import Proposal
from common.reasons import REASON_MAX

FACTOR_NAME_LENGTH_MAX = 50


class FactorKind(models.TextChoices):
    TOTP = "totp", "authenticator app"
    PASSKEY = "passkey", "passkey"


class Factor(models.Model):
    """One way to show that it is you.

    confirmed_at   from then on it counts; an app that never showed a code does not
    sealed_secret  of TOTP: opens only with a key that is not in the database
    last_step      of TOTP: the period of the newest code that was taken; none before it is again
    credential_id  of a passkey, and its public_key as COSE has it
    sign_count     what the passkey said last of how often it signed; many always say 0
    """

    user = models.ForeignKey(User, models.CASCADE, db_index=False, related_name="factors")
    kind = models.CharField(max_length=7, choices=FactorKind.choices)
    name = models.CharField(max_length=FACTOR_NAME_LENGTH_MAX)
    made_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    sealed_secret = models.BinaryField(null=True)
    last_step = models.BigIntegerField(default=0)
    credential_id = models.BinaryField(null=True, unique=True)
    public_key = models.BinaryField(null=True)
    sign_count = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = "second factor"
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind="totp",
                    sealed_secret__isnull=False,
                    credential_id__isnull=True,
                    public_key__isnull=True,
                )
                | Q(
                    kind="passkey",
                    sealed_secret__isnull=True,
                    credential_id__isnull=False,
                    public_key__isnull=False,
                    confirmed_at__isnull=False,
                ),
                name="factor_of_one_kind",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(kind="totp", confirmed_at__isnull=False),
                name="factor_one_app_of_user",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(kind="totp", confirmed_at=None),
                name="factor_one_app_begun_of_user",
            ),
        ]
        indexes = [models.Index(fields=["user", "id"], name="factor_of_user")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name!r}"


class RecoveryCode(models.Model):
    """Shown once, used once; kept as a hash that only whoever has the code can make."""

    user = models.ForeignKey(User, models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class Purpose(models.TextChoices):
    ENROL = "enrol", "enrol"
    SHOW = "show", "show"


class PasskeyChallenge(models.Model):
    """What a passkey is to sign, once and soon."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    challenge = models.BinaryField(unique=True)
    purpose = models.CharField(max_length=5, choices=Purpose.choices)
    good_until = models.DateTimeField()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["good_until"], name="passkey_challenge_end")]

    def __str__(self) -> str:
        return f"passkey challenge {self.pk}"


class FactorReset(models.Model):
    """All that a user could show was taken away, since they can't show it any more."""

    user = models.ForeignKey(User, models.PROTECT, related_name="factor_resets")
    proposal = models.ForeignKey(Proposal, models.PROTECT, null=True, related_name="+")
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=REASON_MAX)
    reset_at = models.DateTimeField()
    withdrawals_locked_until = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("propose_factor_reset", "Can propose to reset somebody's second factor"),
            ("decide_factor_reset", "Can decide whether a second factor is reset"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(asked_by__isnull=True, decided_by__isnull=True, proposal__isnull=True)
                | (
                    Q(asked_by__isnull=False, decided_by__isnull=False, proposal__isnull=False)
                    & ~Q(asked_by=F("decided_by"))
                    & ~Q(asked_by=F("user"))
                    & ~Q(decided_by=F("user"))
                ),
                name="factor_reset_by_two_others",
            ),
        ]
        indexes = [models.Index(fields=["user", "-id"], name="factor_reset_of_user")]

    def __str__(self) -> str:
        return f"reset {self.pk} of {self.user}"


class GuessKind(models.TextChoices):
    SIGN_IN = "sign_in", "sign-in"
    PASSWORD = "password", "own password"
    SECOND_FACTOR = "second_factor", "second factor"


class GuessLock(models.Model):
    """Guesses at one secret since it was last right (`accounts.access.guesses`).

    whose        a name that was typed, of a user or of nobody; else a user's id
    unlock_hash  of the token that was mailed to the name's owner, who may lift it
    """

    kind = models.CharField(max_length=13, choices=GuessKind.choices)
    whose = models.CharField(max_length=USERNAME_LENGTH_MAX)
    attempts = models.IntegerField()
    tried_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True)
    unlock_hash = models.CharField(max_length=64, null=True, unique=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "lock"
        default_permissions = ("view",)
        permissions = [("lift_lock", "Can lift locks of names that were guessed at")]
        constraints = [
            models.UniqueConstraint(fields=["kind", "whose"], name="guess_lock_of_secret"),
        ]
        indexes = [models.Index(fields=["tried_at"], name="guess_lock_tried")]

    def __str__(self) -> str:
        return f"lock of {self.get_kind_display()} of {self.whose}"
