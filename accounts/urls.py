from django.urls import path

from accounts import api
from accounts.keys import api as keys_api

urlpatterns = [
    path("auth/signup", api.SignupView.as_view()),
    path("auth/signin", api.SigninView.as_view()),
    path("auth/refresh", api.RefreshView.as_view()),
    path("auth/signout", api.SignoutView.as_view()),
    path("auth/password", api.PasswordView.as_view()),
    path("auth/sessions", api.SessionsView.as_view()),
    path("auth/sessions/<int:session_id>", api.SessionView.as_view()),
    path("user/keys", keys_api.KeysView.as_view()),
    path("user/keys/<int:key_id>", keys_api.KeyView.as_view()),
]
