"""An order's life as an OpenTelemetry trace: which stage of which process took how long.

Theory of operation. Nothing travels with a command. The ids of an order's trace and of its root are
made of the order's id and the house's secret, so every process that meets the order knows them, and
commands, entries and rows are what they are without traces; so is a replay. Whether an order is
traced is decided by its trace's id, so all processes decide alike.

A stage is told once it is over, with the times it took (`stages`). Without ``TRACES_URL`` that is
one look at a setting, and the library isn't even loaded. Spans are sent by a thread of the library
(`spans`); a collector that is away costs them and nothing else.

Times are those of each host's clock: stages of two hosts are as true to each other as their clocks.
"""
