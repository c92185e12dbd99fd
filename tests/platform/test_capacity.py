"""The model that says what a load needs, beside what was measured, and where it is shown."""

from pathlib import Path

from django.conf import settings

from benchmarks.capacity import COSTS, measured_points, model_beside_measured, needs

OFF_MAX = 1.5


def test_the_model_is_near_what_was_measured() -> None:
    points = measured_points()
    assert len(points) >= 8
    for point in points:
        for part, cost in COSTS.items():
            modelled = cost.of(point.traders, point.markets) * point.orders_per_s / 1e6
            off = max(modelled / point.shares[part], point.shares[part] / modelled)
            assert off < OFF_MAX, (point, part, modelled)


def test_the_document_shows_what_the_model_says() -> None:
    shown = (Path(settings.BASE_DIR) / "docs/scaling.md").read_text().splitlines()
    assert [line for line in (*model_beside_measured(), *needs()) if line not in shown] == []
