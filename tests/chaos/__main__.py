"""`python -m tests.chaos`: one seeded run; exit status 1 and the offending records if it failed."""

import argparse
import sys

from exchange_site.embedded.ports import free_port
from tests.builders.standby import PostgresPair
from tests.chaos.exchange import Exchange
from tests.chaos.run import Run, add_options, carry_out, make_folder


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    add_options(parser)
    parser.add_argument("--kills", type=int, default=None, help="default: one per 5 s")
    parser.add_argument("--wipe", action="store_true", help="FLUSHALL in the middle")
    parser.add_argument(
        "--standby", action="store_true", help="a standby takes over from each Postgres killed"
    )
    parser.add_argument("--port", type=int, default=0, help="of the API; feeds on the next")
    options = parser.parse_args()
    if options.kills is None:
        options.kills = max(1, options.duration // 5)
    return options


def _ports(first: int) -> tuple[int, int]:
    return (first, first + 1) if first else (free_port(), free_port())


def main() -> int:
    options = read_options()
    folder = make_folder()
    data = options.data or folder / "exchange"
    pair = PostgresPair(data.with_name("postgres")) if options.standby else None
    exchange = Exchange(data, *_ports(options.port), pair)
    return carry_out(Run(options, exchange), folder, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
