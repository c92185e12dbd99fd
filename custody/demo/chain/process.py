"""The chain as it runs: a server, a teller, and a block every so often."""

import threading
from dataclasses import dataclass
from pathlib import Path

from custody.demo.chain import Temper
from custody.demo.chain.blocks import Blocks
from custody.demo.chain.server import ChainServer
from custody.demo.chain.state import ChainState
from custody.demo.chain.telling import Teller


@dataclass(frozen=True, kw_only=True)
class Options:
    """``webhook``: where news is told; "" for nowhere. ``block_s``: 0 for blocks that somebody asks
    for alone."""

    port: int
    path: Path
    float_units: int
    token: str
    secret: str
    webhook: str
    temper: Temper
    block_s: float
    seed: int


STOP_WITHIN_S = 0.05


class Chain:
    """Opened, it serves until it is closed."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.state = ChainState(options.path, options.float_units)
        self.blocks = Blocks(self.state, options.temper, options.seed)
        self.server = ChainServer(
            options.port, options.token, self.state, self.blocks,
            loses=options.temper.loses_answers, seed=options.seed,
        )  # fmt: skip
        self._serving = threading.Thread(
            target=self.server.serve_forever, args=(STOP_WITHIN_S,), daemon=True
        )
        self._teller = None
        if options.webhook:
            self._teller = Teller(
                self.state, options.webhook, options.secret, options.temper, options.seed
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def open(self) -> None:
        self._serving.start()
        if self._teller is not None:
            self._teller.start()

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(self._options.block_s or None):
            self.blocks.next_block()

    def close(self) -> None:
        if self._teller is not None:
            self._teller.end()
            self._teller.join()
        self.server.shutdown()
        self.server.server_close()
        self._serving.join()
        self.state.close()
