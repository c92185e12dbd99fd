"""GET /schema for programs, /docs for people. They know their parameters like every call."""

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from exchange_site.calls import knowing

FORMAT = "format"
SCRIPT, LANGUAGE = "script", "lang"


class _ByFormat(DefaultContentNegotiation):
    """By ?format=json or yaml, so that a browser's address bar will do; else by Accept."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        wanted = format_suffix or request.query_params.get(FORMAT)
        return super().select_renderer(request, renderers, wanted)


class SchemaView(SpectacularAPIView):
    content_negotiation_class = _ByFormat

    @extend_schema(exclude=True)
    @knowing(FORMAT)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().get(request, *args, **kwargs)
        return answer


class DocsView(SpectacularSwaggerSplitView):
    """Its script is an answer of its own, asked for by ``?script``: no page runs an inline one."""

    @extend_schema(exclude=True)
    @knowing(SCRIPT, LANGUAGE)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().get(request, *args, **kwargs)
        return answer
