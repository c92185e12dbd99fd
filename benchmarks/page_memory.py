"""What a page in Chromium holds, by kind, as the browser's own snapshots of its heap say.

What scripts made (objects, arrays, closures, strings) is told apart from code and from what the
browser keeps beside them. V8 compiles a function once it has run often enough, and once more when
it has run very often, so that the code of a page that does the same all the while grows until all
of it is compiled, some two minutes. The browser keeps elements, styles and layout, and lists of
what a page loaded and moved, up to a length of its own; the record of requests that comes of
watching the page is left out.
"""

import json
from collections import Counter
from typing import Any, NamedTuple

_CODE, _OF_THE_BROWSER = "code", "native"
_OF_WATCHING = "blink::NetworkResourcesData"
_MB = 1_000_000


class Held(NamedTuple):
    """Megabytes."""

    made_by_scripts: float
    of_the_browser: float


def heap_mb(devtools: Any) -> float:
    """Of scripts and their code, once all that can be let go is."""
    devtools.send("HeapProfiler.collectGarbage")
    return float(devtools.send("Runtime.getHeapUsage")["usedSize"]) / _MB


def held(devtools: Any) -> Held:
    """Stops the page for a moment."""
    parts: list[str] = []
    devtools.on("HeapProfiler.addHeapSnapshotChunk", lambda event: parts.append(event["chunk"]))
    devtools.send("HeapProfiler.collectGarbage")
    devtools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    sizes = _sizes(json.loads("".join(parts)))
    browsers = sizes[_OF_THE_BROWSER]
    return Held((sizes.total() - sizes[_CODE] - browsers) / _MB, browsers / _MB)


def _sizes(snapshot: Any) -> Counter[str]:
    """Nodes stand in one list, so many numbers each: what they are is said in front of them."""
    meta = snapshot["snapshot"]["meta"]
    fields, kinds = meta["node_fields"], meta["node_types"][0]
    nodes, names = snapshot["nodes"], snapshot["strings"]
    columns = (nodes[fields.index(one) :: len(fields)] for one in ("type", "name", "self_size"))
    sizes: Counter[str] = Counter()
    for kind, name, size in zip(*columns, strict=True):
        if not names[name].startswith(_OF_WATCHING):
            sizes[kinds[kind]] += size
    return sizes
