"""The first step: as Django's own, but that a right password alone opens no session."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpResponse, HttpResponseRedirect

from accounts.models import User
from accounts.staff.sign_in import StaffSignInForm
from console.factors import door


class StaffSignInView(LoginView):
    authentication_form = StaffSignInForm
    template_name = "admin/login.html"

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        return HttpResponseRedirect(door.enter(self.request, user, self.get_success_url()))
