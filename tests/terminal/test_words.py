"""The page has words for every reason that the engine names."""

import re
from enum import StrEnum

import pytest

from ledger.models.accounts import EntryKind, LineKind
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


def test_each_line_of_the_ledger_has_a_sentence() -> None:
    """Of those that a trader has: the others move money of the exchange's own."""
    source = (WEB / "src" / "parts" / "below" / "explain-money.ts").read_text()
    told = set(re.findall(r'^  ([a-z_]+):\s+"[A-Z].*\.",$', source, re.MULTILINE))
    kinds = {kind.value for kind in (*EntryKind, *LineKind)}
    assert told == kinds - {EntryKind.INSURANCE_TOPUP.value}
