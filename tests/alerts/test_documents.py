"""docs/operating.md says of each measure what the code says."""

from pathlib import Path

from console.alerts.vocabulary import Measure

OPERATING = Path(__file__).resolve().parents[2] / "docs" / "operating.md"


def test_every_measure_is_in_the_handbook() -> None:
    said = OPERATING.read_text().splitlines()
    for measure in Measure:
        about = measure.about
        what = about.what + ("; low is bad" if about.is_low_bad else "")
        row = f"| {about.title}, {about.unit} | {about.scope} | {what} | {about.blind} |"
        assert row in said
