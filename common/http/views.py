"""What views share."""

from rest_framework.views import APIView


class PublicView(APIView):
    """Of calls that need no signing in."""

    authentication_classes = []
    permission_classes = []
