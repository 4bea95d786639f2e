"""The simulated prompt cache: what it reads, writes, forgets, and does not see."""

from typing import Any

import pytest

from resilient_claude.testing.rules.prompt_cache import CacheUse, PromptCache

MODEL = "claude-sonnet-4-6"
LONG = "Never promise a table. " * 400
"""Some 2,300 tokens; 1,024 are the least that is cached."""
CACHED = {"type": "ephemeral"}
ONE_HOUR = {"type": "ephemeral", "ttl": "1h"}


def text(words: str, mark: dict[str, str] | None = None) -> dict[str, Any]:
    return {"type": "text", "text": words, **({} if mark is None else {"cache_control": mark})}


def body(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A request whose messages have one block each."""
    messages = [
        {"role": "assistant" if at % 2 else "user", "content": [block]}
        for at, block in enumerate(blocks)
    ]
    return {"model": MODEL, "max_tokens": 9, "messages": messages, **fields}


def test_a_growing_conversation_reads_what_it_has_written() -> None:
    """And pays for what is new alone."""
    cache = PromptCache()

    first = cache.use(body(text(LONG, CACHED)), 0)
    second = cache.use(body(text(LONG), text("Yes."), text("And now?", CACHED)), 1)

    assert first == CacheUse(0, 0, first.write_5m, 0)
    assert second.read == first.write_5m > 2_000
    assert 0 < second.write_5m < 40


@pytest.mark.parametrize(("between", "is_read"), [(19, True), (20, False)])
def test_it_looks_back_over_twenty_blocks(between: int, is_read: bool) -> None:
    """The mark's own is the first of them."""
    cache = PromptCache()
    written = cache.use(body(text(LONG, CACHED)), 0).write_5m
    more = [text(str(at)) for at in range(between - 1)]

    use = cache.use(body(text(LONG), *more, text("end", CACHED)), 1)

    assert use.read == (written if is_read else 0)


def test_what_is_too_short_is_neither_written_nor_billed_as_such() -> None:
    """The marks are of no use, and of no harm."""
    cache = PromptCache()

    uses = [cache.use(body(text("Hi.", CACHED)), at) for at in range(2)]

    assert uses[0] == uses[1] == CacheUse(uses[0].input, 0, 0, 0)


@pytest.mark.parametrize(("mark", "lives_s"), [(CACHED, 299.0), (ONE_HOUR, 3599.0)])
def test_it_forgets_what_nobody_uses(mark: dict[str, str], lives_s: float) -> None:
    """Each use begins the time anew."""
    cache = PromptCache()
    request = body(text(LONG, mark))
    cache.use(request, 0)

    assert cache.use(request, lives_s).read > 0
    assert cache.use(request, 2 * lives_s).read > 0
    assert cache.use(request, 3 * lives_s + 2).read == 0


def test_an_hour_and_five_minutes_are_billed_apart() -> None:
    """The hour up to its last mark, five minutes from there on."""
    use = PromptCache().use(
        body(text("Hello?", CACHED), system=[text(LONG, ONE_HOUR)], tools=[]), 0
    )

    assert use.write_1h > 2_000
    assert 0 < use.write_5m < 40
    usage = use.usage()
    assert usage["cache_creation_input_tokens"] == use.write_1h + use.write_5m
    assert usage["cache_creation"]["ephemeral_1h_input_tokens"] == use.write_1h


@pytest.mark.parametrize(
    ("change", "is_read"),
    [
        ({}, True),
        ({"max_tokens": 100, "temperature": 0.5, "metadata": {}}, True),
        ({"model": "claude-sonnet-4-5"}, False),
        ({"thinking": {"type": "adaptive"}}, False),
        ({"output_config": {"effort": "low"}}, False),
        ({"tools": [{"name": "other"}]}, False),
        ({"speed": "fast"}, False),
        ({"tool_choice": {"type": "auto"}}, True),
    ],
)
def test_what_stands_before_the_mark_must_be_the_same(
    change: dict[str, Any], is_read: bool
) -> None:
    """The choice of tools comes after the system, and counts for the messages alone."""
    cache = PromptCache()
    request = body(text("Hello?"), system=[text(LONG, CACHED)], tools=[{"name": "one"}])
    written = cache.use(request, 0).write_5m

    assert cache.use({**request, **change}, 1).read == (written if is_read else 0)


def test_the_tool_choice_counts_for_the_messages() -> None:
    """So one that comes and goes within a tool loop takes them out of the cache each time."""
    cache = PromptCache()
    request = body(text(LONG, CACHED))
    cache.use(request, 0)

    assert cache.use({**request, "tool_choice": {"type": "auto"}}, 1).read == 0


def test_the_mark_of_the_top_level_stands_at_the_last_block_that_can_have_one() -> None:
    """Which thinking cannot."""
    thought = {"type": "thinking", "thinking": "", "signature": "c2ln"}
    request = body(text(LONG), thought, cache_control=CACHED)
    cache = PromptCache()
    cache.use(request, 0)

    assert cache.use(request, 1).read > 2_000
    assert cache.use(body(text(LONG, CACHED)), 2).read > 2_000


def test_marks_and_strings_are_no_part_of_a_prefix() -> None:
    """A mark moves from turn to turn, and a string is a block of text."""
    cache = PromptCache()
    result = {"type": "tool_result", "tool_use_id": "a", "content": [text(LONG, CACHED)]}
    cache.use(body({**result, "cache_control": CACHED}), 0)
    bare = {**result, "content": [text(LONG)], "cache_control": CACHED}

    assert cache.use(body(bare), 1).read > 2_000
    cache.use(body(text("Hi."), system=[text(LONG, CACHED)]), 2)
    string = body(text("Hi.", CACHED), system=LONG)
    assert cache.use(string, 3).read > 2_000
