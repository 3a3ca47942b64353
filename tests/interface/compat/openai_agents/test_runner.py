"""The SDK's own runner over a session, with a scripted model."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import Agent, RunConfig, Runner, SessionSettings, function_tool
from agents.testing import ScriptedModel
from openai.types.responses import (
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseOutputText,
)

from memos.compat.openai_agents import MemosSession


def answer(text: str) -> ResponseOutputMessage:
    part = ResponseOutputText(type="output_text", text=text, annotations=[])
    return ResponseOutputMessage(
        id="m", type="message", role="assistant", status="completed", content=[part]
    )


def call(name: str, arguments: str) -> ResponseFunctionToolCall:
    return ResponseFunctionToolCall(
        type="function_call", call_id="c", name=name, arguments=arguments
    )


@function_tool
def weather(city: str) -> str:
    """The weather."""
    return f"rain in {city}"


def asked(model: ScriptedModel) -> list[Any]:
    """What the model was last given."""
    assert model.last_call is not None
    given = model.last_call.input
    assert isinstance(given, list)
    return [item.get("content", item.get("output", item.get("name"))) for item in given]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_runner_goes_on_from_what_the_session_holds(
    session: MemosSession, streamed: bool
) -> None:
    model = ScriptedModel([[answer("San Francisco")], [answer("California")]])
    agent = Agent(name="guide", model=model)

    async def run(words: str) -> Any:
        if not streamed:
            return (await Runner.run(agent, words, session=session)).final_output
        result = Runner.run_streamed(agent, words, session=session)
        async for _ in result.stream_events():
            pass
        return result.final_output

    async def both() -> list[Any]:
        return [await run("Where is the bridge?"), await run("In which state?")]

    assert asyncio.run(both()) == ["San Francisco", "California"]
    given = asked(model)
    assert given[0] == "Where is the bridge?"
    assert given[-1] == "In which state?"
    assert len(given) == 3
    assert len(asyncio.run(session.get_items())) == 4


def test_calls_of_tools_are_kept_with_what_they_gave(session: MemosSession) -> None:
    model = ScriptedModel(
        [[call("weather", '{"city": "Hove"}')], [answer("Rain.")], [answer("Yes.")]]
    )
    agent = Agent(name="guide", model=model, tools=[weather])

    async def both() -> None:
        await Runner.run(agent, "Weather?", session=session)
        await Runner.run(agent, "Sure?", session=session)

    asyncio.run(both())
    given = asked(model)
    assert given[:3] == ["Weather?", "weather", "rain in Hove"]
    assert given[-1] == "Sure?"


def test_a_run_may_limit_what_it_is_given(session: MemosSession) -> None:
    model = ScriptedModel([[answer("one")], [answer("two")], [answer("three")]])
    agent = Agent(name="guide", model=model)
    config = RunConfig(session_settings=SessionSettings(limit=1))

    async def runs() -> None:
        await Runner.run(agent, "first", session=session)
        await Runner.run(agent, "second", session=session)
        await Runner.run(agent, "third", session=session, run_config=config)

    asyncio.run(runs())
    assert len(asked(model)) == 2
    assert asked(model)[-1] == "third"
    assert len(asyncio.run(session.get_items())) == 6
