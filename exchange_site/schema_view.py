"""GET /schema: built once per process and form, which takes much of a second, then from memory."""

import hashlib
import threading
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

_documents: dict[type[BaseRenderer], bytes] = {}
_lock = threading.Lock()


class SchemaView(SpectacularAPIView):
    authentication_classes = []  # the same for everyone
    permission_classes = [AllowAny]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        document = self._document(request.accepted_renderer)
        etag = f'"{hashlib.sha256(document).hexdigest()[:32]}"'
        headers = {
            "ETag": etag,
            "Cache-Control": "no-cache",  # kept, and asked about
            "Vary": "Accept",
            "Content-Disposition": f'inline; filename="{self._get_filename(request, None)}"',
        }
        media_type = request.accepted_renderer.media_type
        response = HttpResponse(document, content_type=media_type, headers=headers)
        answer: HttpResponseBase = get_conditional_response(request, etag=etag, response=response)
        return answer

    def _document(self, renderer: BaseRenderer) -> bytes:
        with _lock:
            if type(renderer) not in _documents:
                schema: Any = self.generator_class().get_schema(request=None, public=True)
                _documents[type(renderer)] = renderer.render(schema, renderer_context={})
            return _documents[type(renderer)]
