from django.urls import path

from terminal import api
from terminal.views import shell

urlpatterns = [
    path("", shell),
    path("trade/<str:market_id>", shell),
    # Of links in mails: what the token behind the # is good for, the script asks for.
    path("reset-password", shell),
    path("verify-mail", shell),
    path("page/signup", api.PageSignupView.as_view()),
    path("page/signin", api.PageSigninView.as_view()),
    path("page/signin/factor", api.PageSigninFactorView.as_view()),
    path("page/password", api.PagePasswordView.as_view()),
    path("page/token", api.PageTokenView.as_view()),
    path("page/signout", api.PageSignoutView.as_view()),
]
