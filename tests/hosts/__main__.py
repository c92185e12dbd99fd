"""`python -m tests.hosts`: one seeded run; exit status 1 and the offending records if it failed, 2
where there can be no network of hosts, and nothing was proven."""

import argparse
import sys
import time

from tests.chaos.run import Log, Run, add_options, carry_out, make_folder, say
from tests.hosts.exchange import HostsExchange
from tests.hosts.faults import HostDamage, host_plan
from tests.hosts.network import NoNetwork

CALM_S = 8.0


class HostsRun(Run):
    exchange: HostsExchange

    def _log(self) -> Log:
        self._done = HostDamage(self.exchange)
        return self._done

    def _storm(self) -> None:
        options = self.options
        time.sleep(CALM_S)  # traders sign up and fund
        began, lasts_s = time.monotonic(), max(1.0, options.duration - 2 * CALM_S)
        faults = host_plan(options.seed, options.faults, lasts_s)
        acts = [(fault.after, self._done.begin, fault) for fault in faults]
        acts += [(fault.until, self._done.heal, fault) for fault in faults]
        for share, act, fault in sorted(acts, key=lambda one: one[0]):
            time.sleep(max(0.0, began + share * lasts_s - time.monotonic()))
            act(fault)
            if act == self._done.heal:
                self.recovery.kill()
        if not self.recovery.wait(options.within):
            self._fail("recovery", f"none within {options.within:.0f} s of the last")

    def _check(self) -> None:
        super()._check()
        self.failures["keepers"] = self.exchange.faults


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hosts", description=__doc__)
    add_options(parser)
    parser.add_argument("--faults", type=int, default=None, help="default: one per 6 s")
    options = parser.parse_args()
    options.faults = options.faults or max(1, options.duration // 6)
    options.kills = options.faults
    folder = make_folder()
    try:
        exchange = HostsExchange(options.data or folder / "exchange")
    except NoNetwork as why:
        say(f"not run, nothing proven: no network of hosts here: {why}")
        return 2
    return carry_out(HostsRun(options, exchange), folder, keep=options.data is not None)


if __name__ == "__main__":
    sys.exit(main())
