"""The exchange's settings, with the baseline of `benchmarks.intake` beside its paths."""

from exchange_site.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.intake_baseline"
