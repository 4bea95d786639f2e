"""What a trace shows of a turn, through a real exporter: where it failed, and nothing private."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from livekit.agents.telemetry import tracer
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from resilient_claude.testing import Answer, Break, HttpError, SimulatedClaude, SseError, Step
from tests.support.adapters import KEY, MakeLLM, shrunk_policy
from tests.support.lines import Lines
from tests.support.listening import conversation, read_stream

PROMPT = "my card number is 4711 0815 1234"
REPLY = "Your card 4711 0815 1234 is fine, dear caller."


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Keeps every span of livekit's that ends during the test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    before = trace.get_tracer_provider()
    tracer.set_provider(provider)
    yield exporter
    tracer.set_provider(before)
    provider.shutdown()


def events_of(spans: Sequence[ReadableSpan]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every event of *spans* that is ours: the span's name, the event's, and its attributes."""
    return [
        (span.name, event.name, dict(event.attributes or {}))
        for span in spans
        for event in span.events
        if event.name.startswith("claude.")
    ]


async def test_a_failed_attempt_is_an_event_of_livekit_s_span(
    exporter: InMemorySpanExporter, make_llm: MakeLLM, lines: Lines
) -> None:
    """A trace shows why a turn took long, with the very fields of the line in the log."""
    overloaded = HttpError(529, message="Overloaded", request_id="req_test")
    with SimulatedClaude(overloaded, Answer("Hi.")) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    (line,) = lines.named("claude.attempt_failed")
    assert events_of(exporter.get_finished_spans()) == [
        (
            "llm_request_run",
            "claude.attempt_failed",
            {
                "attempt": 1,
                "kind": "overloaded",
                "origin": "remote",
                "phase": "response",
                "root_type": "OverloadedError",
                "root_message": "Overloaded",
                "status": 529,
                "error_type": "overloaded_error",
                "request_id": "req_test",
                "elapsed_s": line["elapsed_s"],
                "wait_s": line["wait_s"],
                "model": "claude-sonnet-4-6",
                "provider": adapter.provider,
                "turn_id": line["turn_id"],
            },
        )
    ]


async def test_every_attempt_of_a_lost_turn_is_an_event(
    exporter: InMemorySpanExporter, make_llm: MakeLLM
) -> None:
    """One span for the turn, as the framework counts it; its attempts are told inside."""
    with SimulatedClaude(default=HttpError(503)) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=3))
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    events = events_of(exporter.get_finished_spans())
    assert [(span, fields["attempt"], "wait_s" in fields) for span, _, fields in events] == [
        ("llm_request_run", 1, True),
        ("llm_request_run", 2, True),
        ("llm_request_run", 3, False),
    ]


async def test_a_healthy_turn_has_no_event_of_ours(
    exporter: InMemorySpanExporter, make_llm: MakeLLM
) -> None:
    """The spans are those that the plugin would leave."""
    with SimulatedClaude(Answer("Hi.")) as claude:
        adapter = make_llm(claude)
        await read_stream(adapter.chat(chat_ctx=conversation()))
        await adapter.aclose()

    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == ["llm_request_run", "llm_request"]
    assert events_of(spans) == []


HEARD = Answer(REPLY, piece_s=0.01)
TURNS: dict[str, Step] = {
    "whole": Answer(REPLY),
    "rejected with a quotation": HttpError(400, message=f"messages.0: bad text '{PROMPT}'"),
    "rejected with the key": HttpError(401, message=f"invalid x-api-key: {KEY}"),
    "an error event that quotes": Break(SseError("api_error", f"echo: {PROMPT}"), at="headers"),
    "broken after text": Break("reset", at="text", answer=HEARD, after_pieces=9),
    "an error event that quotes what was heard": Break(
        SseError("api_error", f"echo: {REPLY}"), at="text", answer=HEARD, after_pieces=9
    ),
}


@pytest.mark.parametrize("name", TURNS)
async def test_spans_hold_no_prompt_no_reply_and_no_key(
    name: str, exporter: InMemorySpanExporter, make_llm: MakeLLM
) -> None:
    """Traces go to other companies. livekit records exceptions with their whole chain."""
    with SimulatedClaude(default=TURNS[name]) as claude:
        adapter = make_llm(claude, retry=shrunk_policy(max_attempts=2))
        await read_stream(adapter.chat(chat_ctx=conversation(PROMPT)))
        await adapter.aclose()

    spans = [json.loads(span.to_json()) for span in exporter.get_finished_spans()]
    assert KEY not in json.dumps(spans)
    told = json.dumps([without_livekit_s_record(span) for span in spans])
    assert "llm_request_run" in told
    for private in ("4711 0815", "card number", "dear caller"):
        assert private not in told


def without_livekit_s_record(span: dict[str, Any]) -> dict[str, Any]:
    """*span* without the conversation that livekit itself puts there, for any LLM.

    Off with `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=false`, but not in livekit 1.6,
    which has events in place of attributes. Source: livekit/agents/telemetry/gen_ai.py.
    """
    attributes = {k: v for k, v in span["attributes"].items() if k not in RECORDED}
    events = [event for event in span["events"] if not event["name"].startswith("gen_ai.")]
    return {**span, "attributes": attributes, "events": events}


RECORDED = ("gen_ai.input.messages", "gen_ai.output.messages")
