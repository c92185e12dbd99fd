from django.urls import path

from persistence.downloads.api import DownloadsView, DownloadView
from persistence.snapshots.api import SnapshotView

urlpatterns = [
    path("user/snapshot", SnapshotView.as_view()),
    path("downloads", DownloadsView.as_view()),
    path("downloads/<str:market_id>/<str:kind>/<str:name>", DownloadView.as_view()),
]
