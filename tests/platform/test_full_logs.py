"""supervisord goes on where its logs can't be written; `tests/disks` fills the disk of a whole
exchange."""

from pathlib import Path
from typing import Any

import pytest
from supervisor import loggers

from exchange_site.embedded.supervisor.daemon import LossyFileHandler

NEXT_FILE_AT_BYTES = 60


class Log:
    """``file`` leads to where nothing fits, or to a file."""

    def __init__(self, folder: Path) -> None:
        self.kept = folder / "kept"
        self.file = folder / "part.log"
        self.kept.touch()
        self.is_full(False)
        handler = LossyFileHandler(str(self.file), "ab", NEXT_FILE_AT_BYTES, 1)
        handler.setFormat("%(message)s")
        self._logger = loggers.Logger(handlers=[handler])
        handler.setLevel(self._logger.level)
        self.handler: Any = handler

    def is_full(self, full: bool) -> None:
        self.file.unlink(missing_ok=True)
        self.file.symlink_to("/dev/full" if full else self.kept)

    def say(self, *lines: str) -> None:
        for line in lines:
            self._logger.info(f"{line}\n".encode())


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_a_line_that_finds_no_room_is_lost_and_no_other(log: Log) -> None:
    log.say("before")
    log.is_full(True)
    log.handler.reopen()
    log.say("lost", "lost, too")
    log.is_full(False)
    log.say("the last that is lost")  # as the file is opened anew
    log.say("after")
    assert log.kept.read_text() == "before\nafter\n"


def test_a_file_that_can_not_be_opened_is_tried_with_the_next_line(log: Log) -> None:
    log.handler.stream.close()
    log.file.unlink()
    log.file.mkdir()
    log.say("lost", "lost, too")
    log.file.rmdir()
    log.is_full(False)
    log.say("the last that is lost")
    log.say("after")
    assert log.kept.read_text() == "after\n"


def test_the_next_file_is_begun_as_ever(log: Log) -> None:
    log.file.unlink()
    log.handler.reopen()
    lines = [f"line {number} of the twenty" for number in range(20)]
    log.say(*lines)
    older = log.file.with_name("part.log.1").read_text()
    kept = f"{older}{log.file.read_text()}".splitlines()
    assert older
    assert kept == lines[-len(kept) :]
