"""Long work that an operator asks for on a page: a run, its row, and the process that does it.

Theory of operation. Each kind of run is a model of its own that adds to `Job` what was asked and
what came of it. A run is written with whoever asked for it, and handed to a worker (`services`),
whose child starts a process that does nothing else, within limits on its time and memory (`tasks`,
`limits`). A process, and not the child itself: its memory goes back when it ends, and nothing it
does can harm what the worker does next.

Every word of a run is written under the condition that it is still under way (`lives`). So a run
that was cancelled or given up stops at its next step, and whoever works on it in vain changes
nothing. One that is delivered again begins again: what a run does is to read and to reckon, and its
own row is all it writes.
"""
