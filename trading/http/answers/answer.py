"""What all answers have in common: structs in camelCase, figures as text."""

from msgspec import Struct


class Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    pass
