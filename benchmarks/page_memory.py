"""What a page in Chromium holds, by kind, as the browser's own snapshots of its heap say.

What scripts made (objects, arrays, closures, strings) and what the browser keeps for them
(elements, styles, layout) is the page's. Code is not: V8 compiles a function once it has run often
enough, and once more when it has run very often, so that of a page that does the same all the while
grows until all of it is compiled, some two minutes. Nor is the record of requests that watching a
page makes.
"""

import json
from collections import Counter
from typing import Any

CODE = "code"
_WATCHING = "blink::NetworkResourcesData"
_MB = 1_000_000


def heap_mb(devtools: Any) -> float:
    """Of scripts and their code, once all that can be let go is."""
    devtools.send("HeapProfiler.collectGarbage")
    return float(devtools.send("Runtime.getHeapUsage")["usedSize"]) / _MB


def held_mb(devtools: Any) -> float:
    """By the page itself; stops it for a moment."""
    parts: list[str] = []
    devtools.on("HeapProfiler.addHeapSnapshotChunk", lambda event: parts.append(event["chunk"]))
    devtools.send("HeapProfiler.collectGarbage")
    devtools.send("HeapProfiler.takeHeapSnapshot", {"reportProgress": False})
    sizes = _sizes(json.loads("".join(parts)))
    return (sizes.total() - sizes[CODE]) / _MB


def _sizes(snapshot: Any) -> Counter[str]:
    """Nodes stand in one list, so many numbers each: what they are is said in front of them."""
    meta = snapshot["snapshot"]["meta"]
    fields, kinds = meta["node_fields"], meta["node_types"][0]
    nodes, names = snapshot["nodes"], snapshot["strings"]
    columns = (nodes[fields.index(one) :: len(fields)] for one in ("type", "name", "self_size"))
    sizes: Counter[str] = Counter()
    for kind, name, size in zip(*columns, strict=True):
        if not names[name].startswith(_WATCHING):
            sizes[kinds[kind]] += size
    return sizes
