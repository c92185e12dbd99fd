"""The page has words for every reason that the engine names."""

import re
from enum import StrEnum

import pytest

from matching.messages.vocabulary import CancelReason, RejectCode
from terminal.bundle import WEB

WORDS = re.compile(r'^  ([A-Z_]+): "[A-Z].*\.",$', re.MULTILINE)


@pytest.mark.parametrize("codes", [RejectCode, CancelReason])
def test_each_code_has_a_sentence(codes: type[StrEnum]) -> None:
    told = set(WORDS.findall((WEB / "src" / "lib" / "reasons.ts").read_text()))
    assert {code.value for code in codes} <= told


def test_no_sentence_is_of_a_code_that_is_no_more() -> None:
    told = set(WORDS.findall((WEB / "src" / "lib" / "reasons.ts").read_text()))
    assert told <= {code.value for code in (*RejectCode, *CancelReason)}
