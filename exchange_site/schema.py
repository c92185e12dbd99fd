"""How the API describes itself: OpenAPI from the very structs that the views parse and answer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from exchange_site.calls import AnyCallable, knowing

ERRORS = {
    400: "The request is wrong; the message says what to change.",
    401: "No token, or one that is forged or expired.",
    403: "Not yours, or the account is suspended.",
    404: "There is no such thing.",
    409: "It conflicts with what is there already.",
    429: "Too many tries; wait as long as Retry-After says.",
    503: "Postgres or Redis does not answer; try again shortly.",
}


class Error(msgspec.Struct, frozen=True):
    """Any answer that is not a success."""

    message: str
    code: str
    field: str | None = None


class _StructSchema(OpenApiSerializerExtension):
    target_class = msgspec.Struct
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: Any) -> str:  # noqa: ARG002  drf-spectacular's
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:  # noqa: ARG002
        return struct_schema(self.target)


class _BearerToken(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.TokenAuthentication"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def struct_schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema of a struct, with the structs inside it written out in place."""
    (schema,), components = msgspec.json.schema_components([kind], ref_template="{name}")
    resolved: dict[str, Any] = _inline(schema, components)
    return resolved


def _inline(node: Any, components: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inline(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(components[node["$ref"]], components)
    typed = {"type": "string"} if "enum" in node else {}  # our words; msgspec leaves it out
    return typed | {key: _inline(value, components) for key, value in node.items()}


def query(
    name: str, description: str, kind: type = str, *, required: bool = False
) -> OpenApiParameter:
    return OpenApiParameter(
        name, kind, OpenApiParameter.QUERY, description=description, required=required
    )


PAGE_LIMIT = query("limit", "Rows per page, 1 to 500; 50 if not given.", int)
PAGING = [query("cursor", "Continue after this: nextCursor of the page before."), PAGE_LIMIT]


def documented(
    summary: str,
    *,
    answer: type[msgspec.Struct],
    example: Mapping[str, Any],
    status: int = 200,
    body: type[msgspec.Struct] | None = None,
    body_example: Mapping[str, Any] | None = None,
    parameters: Iterable[OpenApiParameter] = (),
    errors: Iterable[int] = (400, 401, 403, 503),
    public: bool = False,
    operation_id: str | None = None,
) -> Callable[[AnyCallable], AnyCallable]:
    """Describe a view's method, and hold it to that: it is called with the parameters and the body
    declared here or not at all. The rest of the description is its docstring."""
    parameters = list(parameters)
    examples = [OpenApiExample("Answer", value=example, response_only=True, status_codes=[status])]
    if body_example is not None:
        examples.append(OpenApiExample("Request", value=body_example, request_only=True))
    responses: dict[int, Any] = {status: OpenApiResponse(answer, description="Done.")}
    # Any call may be asked with something that it does not know.
    wrong = sorted({400, *errors})
    responses.update({code: OpenApiResponse(Error, description=ERRORS[code]) for code in wrong})
    describe: Callable[[AnyCallable], AnyCallable] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        request=body,
        responses=responses,
        examples=examples,
        parameters=parameters,
        auth=[] if public else None,
    )
    in_query = [p.name for p in parameters if p.location == OpenApiParameter.QUERY]
    known = knowing(*in_query, takes_body=body is not None)
    return lambda method: describe(known(method))
