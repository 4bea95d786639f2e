"""The conversations and tools of the benchmarks: a clinic's telephone, 100 items into a call."""

from __future__ import annotations

from typing import Annotated, Literal

from livekit.agents import llm
from pydantic import Field


def short() -> llm.ChatContext:
    """One question."""
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="When can I see Dr. Okafor?")
    return context


def long(items: int = 100) -> llm.ChatContext:
    """A history of *items* items, a fifth of them tool calls and their results."""
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You answer the telephone of a clinic. " * 30)
    while len(context.items) < items - 3:
        n = len(context.items)
        context.add_message(role="user", content=f"And how about the {n}th, after ten? " * 3)
        if n % 8 == 1:
            context.items += _call(n)
        context.add_message(role="assistant", content=f"On the {n}th I have time at eleven. " * 4)
    while len(context.items) < items:
        context.add_message(role="user", content="Yes, please book that.")
    return context


def go_on(context: llm.ChatContext, *, shorten: bool) -> None:
    """The answer to the last question, and the next one; keep to 100 items if told so."""
    n = len(context.items)
    context.add_message(role="assistant", content=f"On the {n}th I have time at eleven. " * 4)
    context.add_message(role="user", content=f"And how about the {n + 1}th, after ten? " * 3)
    if shorten:
        context.truncate(max_items=100)


def _call(n: int) -> list[llm.ChatItem]:
    call_id = f"toolu_{n:024d}"
    arguments = f'{{"patient_id":"p{n}","day":"2026-11-30","time":"11:00"}}'
    return [
        llm.FunctionCall(call_id=call_id, name="book_0", arguments=arguments),
        llm.FunctionCallOutput(
            call_id=call_id, name="book_0", output='{"booked":true}', is_error=False
        ),
    ]


def tools(count: int) -> list[llm.Tool]:
    """*count* typed function tools, five kinds of them."""
    made: list[llm.Tool] = []
    while len(made) < count:
        made += _desk(len(made) // 5)
    return made[:count]


def _desk(number: int) -> list[llm.Tool]:
    @llm.function_tool(name=f"find_patient_{number}")
    async def find_patient(
        name: str, born: Annotated[str, Field(description="as YYYY-MM-DD")], phone: str | None
    ) -> str:
        """Find a patient's record.

        Args:
            name: family name, as the caller spells it
            born: date of birth
            phone: number the caller calls from, if it is known
        """
        return "p1"

    @llm.function_tool(name=f"free_times_{number}")
    async def free_times(
        doctor: str, day: str, part: Literal["morning", "afternoon"], minutes: int = 15
    ) -> str:
        """List the free appointments of a doctor on one day.

        Args:
            doctor: family name of the doctor
            day: the day, as YYYY-MM-DD
            part: part of the day the caller prefers
            minutes: length of the appointment
        """
        return "10:15"

    @llm.function_tool(name=f"book_{number}")
    async def book(
        patient_id: str, day: str, time: str, reason: str, first_visit: bool, notes: list[str]
    ) -> str:
        """Book an appointment. Ask the caller to confirm day and time first.

        Args:
            patient_id: from find_patient
            day: the day, as YYYY-MM-DD
            time: the time, as HH:MM
            reason: why the caller wants to come, in a few words
            first_visit: whether the patient has not been here before
            notes: what the doctor should know
        """
        return "booked"

    @llm.function_tool(name=f"quote_{number}")
    async def quote(treatment: str, quantity: int, discount: float, insured: bool) -> str:
        """Say what a treatment costs.

        Args:
            treatment: name or code of the treatment
            quantity: how often
            discount: from 0 to 1
            insured: whether the caller is insured
        """
        return "40"

    @llm.function_tool(name=f"hand_over_{number}")
    async def hand_over(
        department: Literal["reception", "billing", "emergency"], summary: str, urgent: bool
    ) -> str:
        """Hand the call over to a human.

        Args:
            department: who should take the call
            summary: what the caller wants, in one sentence
            urgent: whether it cannot wait
        """
        return "ok"

    return [find_patient, free_times, book, quote, hand_over]
