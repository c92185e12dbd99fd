"""Spans with ids of our own, through OpenTelemetry's own pipeline to a collector (OTLP by HTTP)."""

import os
import threading
from collections.abc import Mapping
from functools import cache

from django.conf import settings
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    set_span_in_context,
)


class _Ids(RandomIdGenerator):
    """Those of a root are said before it begins, in the thread that begins it."""

    def __init__(self) -> None:
        self.root = threading.local()

    def generate_trace_id(self) -> int:
        return int(self.root.trace_id)

    def generate_span_id(self) -> int:
        span_id: int | None = self.root.__dict__.pop("span_id", None)
        return super().generate_span_id() if span_id is None else span_id


_ids = _Ids()


def add_span(
    name: str,
    trace_id: int,
    root_id: int,
    is_root: bool,
    times_ns: tuple[int, int],
    attributes: Mapping[str, str | int],
) -> None:
    """One that is over. It is sent later, or never, if the collector is away for long."""
    began_ns, ended_ns = times_ns
    if is_root:
        _ids.root.trace_id, _ids.root.span_id = trace_id, root_id
        context = Context()
    else:
        root = SpanContext(trace_id, root_id, True, TraceFlags(TraceFlags.SAMPLED))
        context = set_span_in_context(NonRecordingSpan(root), Context())
    tracer = _provider(os.getpid()).get_tracer("exchange")
    span = tracer.start_span(name, context, attributes=attributes, start_time=began_ns)
    span.end(max(began_ns, ended_ns))


def send_spans() -> None:
    _provider(os.getpid()).force_flush()


@cache
def _provider(pid: int) -> TracerProvider:
    """Of this process: a thread that sends doesn't come along when it forks. What waits is sent as
    Python ends."""
    resource = Resource.create({SERVICE_NAME: "exchange", "process.pid": pid})
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, id_generator=_ids)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(settings.TRACES_URL)))
    return provider
