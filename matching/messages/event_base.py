"""What every event is: frozen, and named by its ``type``."""

from msgspec import Struct


class EventBase(Struct, frozen=True, kw_only=True, tag_field="type"):
    pass
