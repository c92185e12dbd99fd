"""A bundle of an incident through this machine's engine: needs neither Postgres nor Redis."""

import hashlib
from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from console.incident.bundles.file import Bundle, BundleDamaged, read_bundle, sha256_of_file
from console.incident.kept import moment_of
from markets.display import money, price, size
from markets.models import Market
from matching import RUNNING_BUILD
from matching.messages.snapshot import EngineSnapshot, SnapshotUnusable, encode_body
from matching.messages.streams import id_order
from matching.runtime.applier import CommandFailed
from matching.runtime.replay import ReplayImpossible, Reproduced, Verified, reproduce


class Command(BaseCommand):
    help = (
        "Verify an exported incident, replay it in memory and print the engine's state at its end."
        " Exit 1 where the file is damaged or this build computes something else."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--state", type=Path, help="write the whole state here, as JSON")

    def handle(self, **options: Any) -> None:
        path = options["file"]
        try:
            with path.open("rb") as file:
                sha256 = sha256_of_file(file)
                bundle = read_bundle(file)
            market, found = _market(bundle), _reproduced(bundle)
            lines = [*_about(bundle), f"file: SHA-256 {sha256}", *_state(found.state, market)]
        except (KeyError, AttributeError, OverflowError) as error:
            raise CommandError(f"{path}: the manifest lacks {error}") from error
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from error
        except (BundleDamaged, SnapshotUnusable, ReplayImpossible, CommandFailed) as error:
            raise CommandError(f"{path}: {error}") from error
        for line in lines:
            self.stdout.write(line)
        if options["state"] is not None:
            self._write_state(options["state"], found.state)
        self._tell_of_output(found.verified)

    def _write_state(self, path: Path, state: EngineSnapshot) -> None:
        try:
            path.write_bytes(msgspec.json.format(msgspec.json.encode(state)))
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from error

    def _tell_of_output(self, verified: Verified) -> None:
        if verified.diverged_seq:
            self.stdout.write(f"published: {verified.published.decode(errors='replace')}")
            self.stdout.write(f"computed:  {verified.computed.decode(errors='replace')}")
            raise CommandError(f"sequence {verified.diverged_seq} differs from what was published")
        if not verified.compared:
            self.stdout.write("output: nothing of it was kept; there is nothing to compare with")
            return
        self.stdout.write(
            f"output: {verified.compared:,} entries are the same as published,"
            f" sequences {verified.from_seq:,} to {verified.to_seq:,}"
        )


def _market(bundle: Bundle) -> Market:
    """As much of it as figures need. Raises BundleDamaged."""
    rules = bundle.market
    try:
        steps = {name: Decimal(str(rules[name])) for name in ("tick_size", "lot_size")}
        if not all(step.is_finite() and step > 0 for step in steps.values()):
            raise ValueError("steps of a market are above zero")
        return Market(
            id=str(rules["id"]),
            base_asset=str(rules["base_asset"]),
            quote_asset=str(rules["quote_asset"]),
            **steps,
        )
    except (KeyError, ValueError, InvalidOperation) as error:
        raise BundleDamaged(f"the market’s rules can’t be read: {error}") from error


def _reproduced(bundle: Bundle) -> Reproduced:
    """Raises BundleDamaged and what `reproduce` raises."""
    try:
        published = [(id_order(entry_id)[0], frame) for entry_id, frame in bundle.outputs]
        found = reproduce(bundle.snapshot, bundle.inputs, published)
        to_seq = int(bundle.manifest["toSeq"])
    except (KeyError, ValueError, TypeError) as error:
        if isinstance(error, SnapshotUnusable):
            raise
        raise BundleDamaged(str(error)) from error
    if found.state.seq != to_seq:
        raise BundleDamaged(f"its commands end at sequence {found.state.seq}, not at {to_seq}")
    return found


def _about(bundle: Bundle) -> list[str]:
    said = bundle.manifest
    versions = ", ".join(f"{name} {value}" for name, value in sorted(said["versions"].items()))
    return [
        f"{said['market']}: sequences {said['fromSeq']} to {said['toSeq']}, from a snapshot at"
        f" {said['snapshotSeq']} and {len(bundle.inputs):,} commands",
        f"made at {said['madeAt']} ({versions}); opened with the {RUNNING_BUILD} core",
    ]


def _state(state: EngineSnapshot, market: Market) -> list[str]:
    open_lots = sum(max(row.position_lots, 0) for row in state.positions)
    traders = sum(row.position_lots != 0 for row in state.positions)
    bids = [row.price_ticks for row in state.orders if row.is_long]
    asks = [row.price_ticks for row in state.orders if not row.is_long]
    return [
        f"state after sequence {state.seq:,}: {state.market_state},"
        f" clock {moment_of(state.clock_ms):%Y-%m-%d %H:%M:%S.%f} UTC",
        f"  mark {price(state.mark_price_ticks, market)},"
        f" index {price(state.index_price_ticks, market)}"
        f"{' (stale)' if state.index_stale else ''}, last {price(state.last_price_ticks, market)}",
        f"  {len(state.orders):,} resting orders, best bid {price(max(bids, default=0), market)},"
        f" best ask {price(min(asks, default=0), market)}; {len(state.waiting):,} waiting",
        f"  {traders:,} positions, open interest {size(open_lots, market)}",
        f"  insurance fund {money(state.insurance_units)}, fees {money(state.fees_units)}",
        f"  SHA-256 of the state {hashlib.sha256(encode_body(state)).hexdigest()}",
    ]
