"""GET /schema for programs, /docs for people. They know their parameters like every call.

The schema is built once per process and form, which takes much of a second, then from memory.
"""

import hashlib
import threading
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from common.http.calls import knowing

FORMAT = "format"
SCRIPT, LANGUAGE = "script", "lang"

_documents: dict[type[BaseRenderer], tuple[bytes, str]] = {}  # with its ETag
_lock = threading.Lock()


class _ByFormat(DefaultContentNegotiation):
    """By ?format=json or yaml, so that a browser's address bar will do; else by Accept."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        wanted = format_suffix or request.query_params.get(FORMAT)
        return super().select_renderer(request, renderers, wanted)


class SchemaView(SpectacularAPIView):
    authentication_classes = []  # the same for everyone
    permission_classes = [AllowAny]
    content_negotiation_class = _ByFormat

    @extend_schema(exclude=True)
    @knowing(FORMAT)
    def get(self, request: Request) -> HttpResponseBase:
        document, etag = self._document(request.accepted_renderer)
        # The library leaves it without types, and `get` below.
        name: str = self._get_filename(request, None)  # type: ignore[no-untyped-call]
        headers = {
            "ETag": etag,
            "Cache-Control": "no-cache",  # kept, and asked about
            "Vary": "Accept",
            "Content-Disposition": f'inline; filename="{name}"',
        }
        media_type = request.accepted_renderer.media_type
        response = HttpResponse(document, content_type=media_type, headers=headers)
        return get_conditional_response(request, etag=etag, response=response) or response

    def _document(self, renderer: BaseRenderer) -> tuple[bytes, str]:
        with _lock:
            if type(renderer) not in _documents:
                schema: Any = self.generator_class().get_schema(request=None, public=True)
                text: Any = renderer.render(schema, renderer_context={})
                etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
                _documents[type(renderer)] = text, etag
            return _documents[type(renderer)]


class DocsView(SpectacularSwaggerSplitView):
    """Its script is an answer of its own, asked for by ``?script``: no page runs an inline one."""

    @extend_schema(exclude=True)
    @knowing(SCRIPT, LANGUAGE)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return answer
