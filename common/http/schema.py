"""How the API describes itself: OpenAPI from the very structs that the views parse and answer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from common.http.calls import AnyCallable, knowing, needing
from common.scopes import Scope

COMPONENT = "#/components/schemas/{name}"

ERRORS = {
    400: "The request is wrong; the message says what to change.",
    401: "No token or signature, or one that is forged or expired.",
    403: "Not yours, or the account is suspended, or the key lacks the permission.",
    404: "There is no such thing.",
    409: "It conflicts with what is there already.",
    451: "Not from the country it was asked from.",
    429: "Too many tries; wait as long as Retry-After says.",
    503: "Postgres or Redis does not answer; try again shortly.",
}


class Required(msgspec.Struct, frozen=True, rename="camel"):
    """What an order or a margin change must hold, by part. `total` is their sum, less what an order
    that is amended holds already."""

    margin: str
    open_loss: str
    fee: str
    total: str
    already_held: str | msgspec.UnsetType = msgspec.UNSET


class Error(msgspec.Struct, frozen=True, rename="camel"):
    """Any answer that is not a success. `required` and `available` come with
    INSUFFICIENT_BALANCE, `serverTimeMs` with TIMESTAMP_OUTSIDE_WINDOW, `permission` with
    SCOPE_MISSING, `kinds` with SECOND_FACTOR_REQUIRED, and where that answers a password also
    `challenge` and `expiresMs`; `retryAfterS` says what the header does; `reasons` come with
    ACCOUNT_IN_USE."""

    message: str
    code: str
    field: str | None = None
    required: Required | msgspec.UnsetType = msgspec.UNSET
    available: str | msgspec.UnsetType = msgspec.UNSET
    server_time_ms: int | msgspec.UnsetType = msgspec.UNSET
    permission: str | msgspec.UnsetType = msgspec.UNSET
    kinds: list[str] | msgspec.UnsetType = msgspec.UNSET
    challenge: str | msgspec.UnsetType = msgspec.UNSET
    expires_ms: int | msgspec.UnsetType = msgspec.UNSET
    retry_after_s: int | msgspec.UnsetType = msgspec.UNSET
    reasons: list[str] | msgspec.UnsetType = msgspec.UNSET


class _StructSchema(OpenApiSerializerExtension):
    target_class = msgspec.Struct
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: Any) -> str:  # noqa: ARG002  drf-spectacular's
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:  # noqa: ARG002
        _, parts = msgspec.json.schema_components([self.target], ref_template=COMPONENT)
        _parts.update({name: _in_common_words(part) for name, part in parts.items()})
        return _parts[self.target.__name__]


BEARER_TOKEN = "bearerToken"  # noqa: S105  a name


class _BearerToken(OpenApiAuthenticationExtension):
    target_class = "accounts.families.authentication.FamilyAuthentication"
    name = BEARER_TOKEN

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class _SignedWithKey(OpenApiAuthenticationExtension):
    """Headers that go together; the window is left out where the default does."""

    target_class = "accounts.keys.authentication.KeyAuthentication"
    name = ["apiKey", "apiTimestamp", "apiSignature"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:  # noqa: ARG002
        said = {
            "X-API-Key": "A key of POST /user/keys.",
            "X-API-Timestamp": "Milliseconds since 1970. `X-API-Window` says for how many of them "
            "the signature is good: 5000 if not given, at most 60000.",
            "X-API-Signature": "In hex, of key, timestamp, window, method, path and query, each "
            "with a line break behind, and the body.",
        }
        return [
            {"type": "apiKey", "in": "header", "name": name, "description": description}
            for name, description in said.items()
        ]


# Every struct and enum that a struct described so far is made of, by its name.
_parts: dict[str, Any] = {}


def add_parts(result: Any, **_: Any) -> Any:
    """drf-spectacular's last step: what bodies and answers are made of are components, too, so that
    generated clients give them one name each."""
    schemas = result["components"]["schemas"]
    named = {f"{COMPONENT.format(name=name)}" for name in _parts}
    wanted = _references(schemas) & named
    while wanted:
        for reference in sorted(wanted):
            name = reference.rpartition("/")[2]
            schemas.setdefault(name, _parts[name])
        wanted = {r for r in _references(schemas) & named if r.rpartition("/")[2] not in schemas}
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


def _references(node: Any) -> set[str]:
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = {node["$ref"]} if isinstance(node, dict) and "$ref" in node else set()
    return found.union(*map(_references, inside))


def _in_common_words(node: Any) -> Any:
    """What msgspec says in ways that generators of clients don't read."""
    if isinstance(node, list):
        return [_in_common_words(item) for item in node]
    if not isinstance(node, dict):
        return node
    said = {key: _in_common_words(value) for key, value in node.items()}
    if (default := said.pop("default", None)) is not None:
        # As a default, openapi-typescript would have it sent.
        said["description"] = f"`{msgspec.json.encode(default).decode()}` if not given."
    if "enum" in said:
        said = {"type": "string"} | said  # our words; msgspec leaves the type out
    if "prefixItems" in said:  # a tuple; ours are of one type throughout
        kinds = said.pop("prefixItems")
        assert kinds.count(kinds[0]) == len(kinds)  # noqa: S101
        said["items"] = kinds[0]
    return said


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
    keys: Scope | None = None,
    operation_id: str | None = None,
) -> Callable[[AnyCallable], AnyCallable]:
    """Describe a view's method, and hold it to that: it is called with the parameters and the body
    declared here or not at all, and with a key only where ``keys`` names the scope it needs. The
    rest of the description is its docstring."""
    parameters = list(parameters)
    examples = [OpenApiExample("Answer", value=example, response_only=True, status_codes=[status])]
    if body_example is not None:
        examples.append(OpenApiExample("Request", value=body_example, request_only=True))
    responses: dict[int, Any] = {status: OpenApiResponse(answer, description="Done.")}
    # Any call may be asked with something that it does not know, and too often.
    wrong = sorted({400, 429, *errors})
    responses.update({code: OpenApiResponse(Error, description=ERRORS[code]) for code in wrong})
    by_token: list[Any] = [{BEARER_TOKEN: []}]  # its types know names alone
    describe: Callable[[AnyCallable], AnyCallable] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        request=body,
        responses=responses,
        examples=examples,
        parameters=parameters,
        auth=[] if public else None if keys else by_token,
    )
    in_query = [p.name for p in parameters if p.location == OpenApiParameter.QUERY]
    known = knowing(*in_query, takes_body=body is not None)
    takes = needing(keys)
    return lambda method: takes(describe(known(method)))
