"""The list: pages of all sources, merged and cut where the first of them was."""

from dataclasses import dataclass

from django.utils import timezone

from console.incident.models import ReplayRun, ReplayState
from console.incident.replays import LOST_AFTER
from console.incident.sources.events import KINDS_OF_EVENTS, event_lines
from console.incident.sources.lines import Kind, Line, Page, Place
from console.incident.sources.rows import SOURCES
from console.incident.stretch import Stretch

LINES_MAX = 500
REPLAYS_SHOWN = 5


@dataclass(frozen=True)
class Timeline:
    """``go_on``: the place behind which there are more lines; None where these are all."""

    lines: list[Line]
    go_on: Place | None


def timeline(stretch: Stretch, kinds: frozenset[Kind], after: Place | None = None) -> Timeline:
    pages = [source.read(stretch, after, LINES_MAX) for source in SOURCES if source.kind in kinds]
    if of_events := kinds & KINDS_OF_EVENTS:
        pages.append(event_lines(stretch, of_events, after, LINES_MAX))
    return _merged(pages)


def _merged(pages: list[Page]) -> Timeline:
    cut_at = min((page.cut_at for page in pages if page.cut_at is not None), default=None)
    lines = sorted(
        (line for page in pages for line in page.lines if cut_at is None or line.place <= cut_at),
        key=lambda line: line.place,
    )
    if len(lines) > LINES_MAX:
        return Timeline(lines[:LINES_MAX], lines[LINES_MAX - 1].place)
    return Timeline(lines, cut_at)


@dataclass(frozen=True)
class ReplayShown:
    run: ReplayRun

    @property
    def is_lost(self) -> bool:
        """What the next one asked for will write down."""
        run = self.run
        return run.state == ReplayState.RUNNING and run.told_at < timezone.now() - LOST_AFTER

    @property
    def state(self) -> str:
        return ReplayState.FAILED if self.is_lost else self.run.state

    @property
    def tone(self) -> str:
        return _TONES[ReplayState(self.state)]

    @property
    def progress(self) -> str:
        run = self.run
        if run.taken_at is None:
            return "waits for a worker"
        if run.reached_seq < run.from_seq:
            return f"on the way from the snapshot, at {run.reached_seq:,}"
        done = (run.reached_seq - run.from_seq) * 100 // max(1, run.to_seq - run.from_seq)
        return f"at {run.reached_seq:,}, {done} %"

    @property
    def words(self) -> str:
        if self.is_lost:
            return "Its worker was lost, or none took it up: ask again."
        return self.run.result or self.progress


_TONES = {
    ReplayState.RUNNING: "warn",
    ReplayState.SAME: "ok",
    ReplayState.DIFFERENT: "bad",
    ReplayState.FAILED: "bad",
    ReplayState.CANCELLED: "plain",
}


def newest_replays() -> list[ReplayShown]:
    runs = ReplayRun.objects.select_related("asked_by").order_by("-pk")
    return [ReplayShown(run) for run in runs[:REPLAYS_SHOWN]]
