from django.urls import path

from persistence.snapshots.api import SnapshotView

urlpatterns = [path("user/snapshot", SnapshotView.as_view())]
