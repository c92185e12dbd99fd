"""What scripts print, for who started them. Imported beside them, in any Python environment."""

import json
import sys
from typing import Any

failures: list[str] = []


def given() -> tuple[str, dict[str, str], float]:
    """The exchange's address, the key, and for how many minutes to trade."""
    return sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])


def seen(what: str, is_so: Any, why: Any = "") -> None:
    """One thing the client should do. ``why`` is shown where it didn't."""
    if not is_so:
        failures.append(what)
    print(f"{'seen' if is_so else 'MISSED'}: {what}{'' if is_so else f' ({why})'}", flush=True)


def traded(bought: float, sold: float) -> None:
    """By what the client knows; ends the script."""
    print("traded:", json.dumps({"bought": round(bought, 9), "sold": round(sold, 9)}), flush=True)
    sys.exit(1 if failures else 0)
