"""Does this build of the engine compute what was published?"""

from argparse import ArgumentParser
from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError

from common.redis_client import redis_client
from matching.runtime.applier import CommandFailed
from matching.runtime.replay import ReplayImpossible, verify


class Command(BaseCommand):
    help = "Replay stored input from a snapshot and compare with the output stream, byte for byte."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--market", required=True)
        parser.add_argument("--from", dest="from_seq", type=int, required=True, metavar="SEQ")
        parser.add_argument("--to", dest="to_seq", type=int, metavar="SEQ", help="default: the end")

    def handle(self, **options: Any) -> None:
        market_id, from_seq, to_seq = options["market"], options["from_seq"], options["to_seq"]
        if from_seq < 1:
            raise CommandError("--from is a sequence, 1 or higher")
        if to_seq is not None and to_seq < from_seq:
            raise CommandError("--to is a sequence, not before --from")
        try:
            found = verify(redis_client(), market_id, from_seq, to_seq)
        except (ReplayImpossible, CommandFailed, redis.RedisError) as error:
            raise CommandError(f"{market_id}: {error}") from error
        if found.diverged_seq:
            self.stdout.write(f"published: {found.published.decode(errors='replace')}")
            self.stdout.write(f"computed:  {found.computed.decode(errors='replace')}")
            raise CommandError(f"{market_id}: sequence {found.diverged_seq} differs")
        if not found.compared:
            raise CommandError(f"{market_id}: nothing is published from sequence {from_seq} on")
        self.stdout.write(
            f"{market_id}: {found.compared} entries are the same, up to sequence {found.to_seq}"
        )
