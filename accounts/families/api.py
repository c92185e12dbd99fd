"""① A trader's accounts: the main one and its sub-accounts."""

import msgspec
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access.authentication import user_id_of
from accounts.families import services
from accounts.models import User
from common.errors import ErrorCode, invalid
from common.http.bodies import parse_body
from common.http.schema import documented
from common.scopes import Scope
from common.times import unix_ms


class NewAccountBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


class AccountChanges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not given stays."""

    name: str | None = None
    archived: bool | None = None


class AccountAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """`accountId` or `name` goes into the header X-Account."""

    account_id: int
    name: str
    main: bool
    archived: bool
    opened_ms: int


class AccountsAnswer(msgspec.Struct, frozen=True):
    accounts: list[AccountAnswer]


ACCOUNT_EXAMPLE = {
    "accountId": 43,
    "name": "hedge",
    "main": False,
    "archived": False,
    "openedMs": 1764000000000,
}


class AccountsView(APIView):
    @documented(
        "List your accounts",
        answer=AccountsAnswer,
        example={"accounts": [ACCOUNT_EXAMPLE]},
        errors=(401, 403, 503),
        keys=Scope.READ,
    )
    def get(self, request: Request) -> Response:
        """The main account and its sub-accounts, oldest first, archived ones, too. A sub-account
        sees itself alone."""
        rows = services.members(user_id_of(request))
        return Response(AccountsAnswer([_account(row) for row in rows]))

    @documented(
        "Make a sub-account",
        body=NewAccountBody,
        body_example={"name": "hedge"},
        status=201,
        answer=AccountAnswer,
        example=ACCOUNT_EXAMPLE,
        errors=(400, 401, 403, 409, 503),
    )
    def post(self, request: Request) -> Response:
        """With a wallet, positions and keys of its own. At most 20 that are not archived."""
        body = parse_body(request, NewAccountBody)
        account = services.open_account(user_id_of(request), body.name)
        return Response(_account(account), status=201)


class AccountView(APIView):
    @documented(
        "Change a sub-account",
        body=AccountChanges,
        body_example={"archived": True},
        answer=AccountAnswer,
        example=ACCOUNT_EXAMPLE | {"archived": True},
        errors=(400, 401, 403, 404, 409, 503),
    )
    def patch(self, request: Request, account_id: int) -> Response:
        """Its name; or archive it, once it is flat and empty, or open it again. Archiving revokes
        its keys."""
        body = parse_body(request, AccountChanges)
        main_id = user_id_of(request)
        if (body.name is None) == (body.archived is None):
            message = "Give either name or archived."
            raise invalid("name", message, ErrorCode.MISSING_FIELD)
        if body.name is not None:
            account = services.rename_account(main_id, account_id, body.name)
        elif body.archived:
            account = services.archive_account(main_id, account_id)
        else:
            account = services.reopen_account(main_id, account_id)
        return Response(_account(account))


def _account(row: User) -> AccountAnswer:
    return AccountAnswer(
        account_id=row.pk,
        name=row.account_name or services.MAIN,
        main=row.parent_id is None,
        archived=row.archived_at is not None,
        opened_ms=unix_ms(row.date_joined),
    )
