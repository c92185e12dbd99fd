"""What the exchange costs, measured: one module per stage, each against a baseline or a floor.

`python -m benchmarks.book` measures one stage; `make bench` all of them with short settings. A
stage is a module with ``run(short: bool) -> list[Row]``. Ratios are taken between things measured
in turn in the same run, so that a busy machine slows both.
"""
