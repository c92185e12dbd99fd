"""The list: pages of all sources, merged and cut where the first of them was."""

from dataclasses import dataclass, replace

from accounts.people.names import with_names
from console.incident.models import ReplayRun, Verdict
from console.incident.sources.events import KINDS_OF_EVENTS, event_lines
from console.incident.sources.lines import LinePlace, LinesPage, TimelineKind, TimelineLine
from console.incident.sources.row_sources import SOURCES
from console.incident.stretch import Stretch
from console.jobs.models import JobState

LINES_MAX = 500
REPLAYS_SHOWN = 5


@dataclass(frozen=True)
class Timeline:
    """``go_on``: the place behind which there are more lines; None where these are all."""

    lines: list[TimelineLine]
    go_on: LinePlace | None


def timeline(
    stretch: Stretch, kinds: frozenset[TimelineKind], after: LinePlace | None = None
) -> Timeline:
    pages = [source.read(stretch, after, LINES_MAX) for source in SOURCES if source.kind in kinds]
    if of_events := kinds & KINDS_OF_EVENTS:
        pages.append(event_lines(stretch, of_events, after, LINES_MAX))
    found = _merged(pages)
    said = with_names([line.words for line in found.lines])
    lines = [replace(line, words=words) for line, words in zip(found.lines, said, strict=True)]
    return Timeline(lines, found.go_on)


def _merged(pages: list[LinesPage]) -> Timeline:
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
    def state(self) -> str:
        return self.run.verdict or self.run.state

    @property
    def tone(self) -> str:
        return _TONES[self.state]

    @property
    def progress(self) -> str:
        run, reached_seq = self.run, self.run.steps_done
        if run.state == JobState.WAITING:
            return "waits for a worker"
        if reached_seq < run.from_seq:
            return f"on the way from the snapshot, at {reached_seq:,}"
        done = (reached_seq - run.from_seq) * 100 // max(1, run.to_seq - run.from_seq)
        return f"at {reached_seq:,}, {done} %"

    @property
    def words(self) -> str:
        return self.run.why or self.run.result or self.progress


_TONES: dict[str, str] = {
    JobState.WAITING: "warn",
    JobState.RUNNING: "warn",
    Verdict.SAME: "ok",
    Verdict.DIFFERENT: "bad",
    JobState.FAILED: "bad",
    JobState.CANCELLED: "plain",
}


def newest_replays() -> list[ReplayShown]:
    runs = ReplayRun.objects.select_related("asked_by").order_by("-pk")
    return [ReplayShown(run) for run in runs[:REPLAYS_SHOWN]]
