"""What clients send, and how they are answered."""

from typing import Any

import msgspec

MESSAGE_BYTES_MAX = 32_768
Id = int | str | None
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class Control(msgspec.Struct, frozen=True):
    method: str
    id: Id = None
    params: list[Any] = []


class BadControl(Exception):
    """``id``: of the request, where it could be read."""

    def __init__(self, why: str, id: Id = None) -> None:
        super().__init__(why)
        self.why = why
        self.id = id


_decoder = msgspec.json.Decoder(Control)


def read_control(data: bytes | str) -> Control:
    """Raises BadControl."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise BadControl(f"send at most {MESSAGE_BYTES_MAX} bytes a message")
    try:
        control = _decoder.decode(data)
    except msgspec.ValidationError as error:
        raise BadControl(str(error), id_in(data)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadControl("invalid JSON") from error
    if control.method.upper() not in _METHODS:
        raise BadControl(f"unknown method: {control.method[:64]}", control.id)
    return control


def id_in(data: bytes | str) -> Id:
    """Of a message that can't be read otherwise, so that whoever sent it knows. None where none can
    be read: there are numbers and depths that were only skipped before."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    said = found.get("id") if isinstance(found, dict) else None
    return said if isinstance(said, int | str) and not isinstance(said, bool) else None


def result_text(result: Any, id: Id) -> str:
    return encode({"result": result, "id": id})


def error_text(error: BadControl) -> str:
    body: dict[str, Any] = {"error": {"code": 2, "msg": f"Invalid request: {error.why}"}}
    return encode(body | {"id": error.id})


def encode(body: Any) -> str:
    return msgspec.json.encode(body).decode()
