"""What changes among the parts, in words; and the table of them."""

from exchange_site.embedded.supervisor.supervision import ProcessState, Supervision

DOWN = ("BACKOFF", "EXITED", "FATAL")


class Watch:
    """Remembers every part's process, and says once when it is gone and once when it is back."""

    def __init__(self, supervision: Supervision) -> None:
        self.supervision = supervision
        self.known = supervision.states()
        self.died: set[str] = set()

    def changes(self) -> list[str]:
        lines = []
        for name, now in self.supervision.states().items():
            lines += self._change(name, self.known[name], now)
            self.known[name] = now
        return lines

    def _change(self, name: str, before: ProcessState, now: ProcessState) -> list[str]:
        lines = []
        gone = before.pid not in (0, now.pid)
        if gone:
            self.supervision.end_orphans_of(before.pid)
        if (gone or (now.state in DOWN and before.state != now.state)) and name not in self.died:
            self.died.add(name)
            log = self.supervision.log_of(name)
            lines.append(f"{name} (pid {before.pid or '-'}) died, restarting it; see {log}")
        if name in self.died and now.state == "RUNNING":
            self.died.discard(name)
            lines.append(f"{name} restarted as pid {now.pid}")
        if now.state == "FATAL" and before.state != "FATAL":
            lines.append(f"{name} does not stay up, given up; see {self.supervision.log_of(name)}")
        return lines


def table(supervision: Supervision) -> str:
    states = supervision.states()
    rows = [("part", "state", "pid", "address")]
    for part in supervision.parts:
        state = states[part.name]
        rows.append((part.name, state.state.lower(), str(state.pid or "-"), part.address))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
