"""supervisord, where the disk of its logs may be full: `python -m` this module, with its options.

As it comes, a line of a part that can't be written closes the pipe that the part writes to, and one
of its own ends supervisord, and all of the exchange with it. Here such a line is lost, and nothing
else: the parts go on, and what they say is kept again as soon as there is room.
"""

from contextlib import suppress
from typing import Any

from supervisor import loggers, supervisord


class LossyFileHandler(loggers.RotatingFileHandler):  # type: ignore[misc]
    """Of a file that nobody may have to wait for."""

    stream: Any

    def emit(self, record: Any) -> None:
        try:
            super().emit(record)
        except (OSError, ValueError):  # as the next file was begun, or that is what can't be opened
            self._open_anew()

    def handleError(self) -> None:
        """What is left in the buffer would fail with the next line, too."""
        self._open_anew()

    def _open_anew(self) -> None:
        """Its buffer is lost; where it can't be opened the next line tries again."""
        with suppress(OSError):
            self.stream.close()
        with suppress(OSError):
            self.stream = open(self.baseFilename, self.mode)  # noqa: SIM115  supervisord closes it


def main() -> None:
    loggers.RotatingFileHandler = LossyFileHandler
    supervisord.main()


if __name__ == "__main__":
    main()
