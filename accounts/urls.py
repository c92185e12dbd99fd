from django.urls import path

from accounts import api
from accounts.factors import api as factors_api
from accounts.families import api as families_api
from accounts.keys import api as keys_api
from accounts.law import api as law_api
from accounts.people import api as people_api
from accounts.referrals.api import ReferralsView

urlpatterns = [
    path("auth/signup", api.SignupView.as_view()),
    path("auth/signin", api.SigninView.as_view()),
    path("auth/signin/factor", api.SigninFactorView.as_view()),
    path("auth/signin/passkey", api.SigninPasskeyView.as_view()),
    path("auth/unlock", api.UnlockView.as_view()),
    path("auth/confirm", factors_api.ConfirmView.as_view()),
    path("auth/confirm/passkey", factors_api.ConfirmPasskeyView.as_view()),
    path("auth/refresh", api.RefreshView.as_view()),
    path("auth/signout", api.SignoutView.as_view()),
    path("auth/password", api.PasswordView.as_view()),
    path("auth/sessions", api.SessionsView.as_view()),
    path("auth/sessions/<int:session_id>", api.SessionView.as_view()),
    path("user/factors", factors_api.FactorsView.as_view()),
    path("user/factors/totp", factors_api.AppView.as_view()),
    path("user/factors/totp/confirm", factors_api.AppConfirmView.as_view()),
    path("user/factors/passkeys", factors_api.PasskeysView.as_view()),
    path("user/factors/passkeys/finish", factors_api.PasskeyFinishView.as_view()),
    path("user/factors/recovery-codes", factors_api.RecoveryCodesView.as_view()),
    path("user/factors/<int:factor_id>", factors_api.FactorView.as_view()),
    path("auth/sign-ins", people_api.SignInsView.as_view()),
    path("auth/sign-ins/failed", people_api.FailedSignInsView.as_view()),
    path("auth/mail/verify", people_api.VerifyMailView.as_view()),
    path("auth/password/reset", people_api.ResetView.as_view()),
    path("auth/password/reset/confirm", people_api.ResetConfirmView.as_view()),
    path("user/profile", people_api.ProfileView.as_view()),
    path("user/mail", people_api.MailView.as_view()),
    path("user/close", people_api.CloseView.as_view()),
    path("user/data", people_api.DataView.as_view()),
    path("user/terms", law_api.AcceptanceView.as_view()),
    path("terms", law_api.TermsView.as_view()),
    path("webhooks/identity", law_api.IdentityView.as_view()),
    path("user/accounts", families_api.AccountsView.as_view()),
    path("user/accounts/<int:account_id>", families_api.AccountView.as_view()),
    path("user/referrals", ReferralsView.as_view()),
    path("user/keys", keys_api.KeysView.as_view()),
    path("user/keys/<int:key_id>", keys_api.KeyView.as_view()),
]
