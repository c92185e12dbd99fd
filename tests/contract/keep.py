"""Keeps what the messages of this contract look like: ``python -m tests.contract.keep``.

Once for each minor version; a file that is there stays as it was written.
"""

import json
from enum import Enum
from pathlib import Path
from typing import Any

from matching.messages import vocabulary
from matching.messages.codec import CONTRACT
from tests.contract.samples import ASKED, TOLD, least, most, parts_of

KEPT = Path(__file__).parent / "kept"


def contract_now() -> dict[str, Any]:
    return {
        "messages": {
            name: {"least": least(cls), "most": most(cls)}
            for name, cls in parts_of(*TOLD, *ASKED).items()
        },
        "values": {
            name: [member.value for member in kind]
            for name, kind in sorted(vars(vocabulary).items())
            if isinstance(kind, type) and issubclass(kind, Enum) and len(kind)
        },
    }


def main() -> None:
    with (KEPT / f"{CONTRACT}.json").open("x") as file:
        json.dump(contract_now(), file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
