"""Answers as JSON."""

from typing import Any

import msgspec
from rest_framework.renderers import BaseRenderer


class StructJSONRenderer(BaseRenderer):
    """Structs, dicts and lists to JSON. Struct fields leave under their encoded names."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002  DRF passes it
        renderer_context: Any = None,  # noqa: ARG002
    ) -> bytes:
        return b"" if data is None else msgspec.json.encode(data, enc_hook=str)
