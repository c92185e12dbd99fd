from django.urls import path

from announcements import api

urlpatterns = [path("announcements", api.AnnouncementsView.as_view())]
