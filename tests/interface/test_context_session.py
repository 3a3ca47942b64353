from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from memos import AsyncMemory, ContextSession, InvalidInput, Memory, StableContext
from memos.operation.reads.context_state import MOST_USED, ContextState
from memos.operation.reads.opaque_token import unpack_token
from tests.interface.asked import SCOPE

RULE = "Answer in French."
ROOMS = ("kitchen", "cellar", "attic", "garden")


@pytest.fixture
def house(memory: Memory) -> Memory:
    """A vault of which one memory is policy, one is pinned, and the others are found by their room."""
    memory.add(RULE, scope=SCOPE, tags=["policy"])
    memory.add("The house number is 7.", scope=SCOPE, tags=["pinned"])
    for room in ROOMS:
        memory.add(f"The lamp of the {room} has a {room} switch.", scope=SCOPE)
    return memory


def quoted(context: StableContext) -> str:
    return context.pinned.text + context.delta.text


def id_of(context: StableContext, text: str) -> str:
    """The memory that a block quotes with this text."""
    for block in (context.pinned, context.delta):
        lines = [line for line in block.text.splitlines() if line.startswith("- ")]
        for line, cite in zip(lines, block.citations, strict=True):
            if text in line:
                assert line.endswith(str(cite))
                return cite.cube_id
    raise AssertionError(f"nobody quotes {text}")


def test_the_pinned_block_holds_policy_before_what_is_pinned_and_the_delta_the_rest(
    house: Memory,
) -> None:
    first = house.context("lamp of the kitchen", scope=SCOPE, stable=True)
    rule, number = (line for line in first.pinned.text.splitlines() if line.startswith("- "))
    assert RULE in rule
    assert "number is 7" in number
    assert "kitchen switch" in first.delta.text
    assert RULE not in first.delta.text


def test_the_pinned_block_is_the_same_whatever_is_asked(house: Memory) -> None:
    session = house.context_session(scope=SCOPE)
    turns = [session.turn(f"lamp of the {room}") for room in ROOMS]
    assert len({turn.pinned.text for turn in turns}) == 1
    assert [bool(turn.changed) for turn in turns] == [True, False, False, False]
    sent = "".join(turn.delta.text for turn in turns)
    assert [sent.count(f"{room} switch") for room in ROOMS] == [1, 1, 1, 1]


def test_another_process_goes_on_from_a_state_with_the_same_bytes(
    house: Memory, vault: Path
) -> None:
    session = house.context_session(scope=SCOPE, history_tokens=1)
    for _ in range(3):
        here = session.turn("lamp of the cellar")
    assert "cellar switch" in here.pinned.text
    program = (
        "import sys; from memos import Memory\n"
        "with Memory(sys.argv[1]) as memory:\n"
        f"    session = memory.context_session(scope={SCOPE!r}, state=sys.argv[2])\n"
        "    turn = session.turn('number of the house')\n"
        "    sys.stdout.write(turn.pinned.text + '|' + str(turn.changed))"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, str(vault), str(session.state)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert other.stdout == f"{here.pinned.text}|()"


def test_what_stands_in_the_history_is_not_sent_again(house: Memory) -> None:
    session = house.context_session(scope=SCOPE)
    turns = [session.turn("lamp of the attic switch") for _ in range(3)]
    assert "attic switch" in turns[0].delta.text
    assert [turn.delta.text for turn in turns[1:]] == ["", ""]
    assert [turn.changed for turn in turns[1:]] == [(), ()]


def test_what_was_found_often_is_pinned_when_the_deltas_have_grown_long_and_cites_alike(
    house: Memory,
) -> None:
    session = house.context_session(scope=SCOPE, history_tokens=100)
    rooms = [ROOMS[number % 2] for number in range(4)] + list(ROOMS)
    turns = [session.turn(f"The {room} switch?") for room in rooms]
    taken = [number for number, turn in enumerate(turns) if "grown long" in str(turn.changed)]
    assert len(taken) == 1
    lamp = id_of(turns[0], f"{rooms[0]} switch")
    after = turns[taken[0] :]
    assert all(f"{rooms[0]} switch" in turn.pinned.text for turn in after)
    assert len({turn.pinned.text for turn in after}) == 1
    labels = {
        cite.label
        for turn in turns
        for block in (turn.pinned, turn.delta)
        for cite in block.citations
        if cite.cube_id == lamp
    }
    assert labels == {lamp[-8:]}


def test_what_was_found_most_often_is_remembered_before_what_was_found_last(house: Memory) -> None:
    lamp = house.search("kitchen switch", scope=SCOPE)[0].cube_id
    first = house.context("lamp of the cellar", scope=SCOPE, stable=True)
    fields = ContextState(*unpack_token(first.state, 1))
    since = ((str(UUID(int=number)), 1) for number in range(MOST_USED))
    state = fields._replace(used=((lamp, 2), *since), sent=(), sent_tokens=0)
    session = house.context_session(scope=SCOPE, history_tokens=1, state=str(state))
    turns = [session.turn("lamp of the attic") for _ in range(2)]
    assert ["kitchen switch" in turn.pinned.text for turn in turns] == [False, True]
    assert len(ContextState.parse(session.state, fields.asked).used) == MOST_USED


def test_no_block_is_larger_than_its_budget(house: Memory) -> None:
    session = house.context_session(
        scope=SCOPE, budget_tokens=90, pinned_tokens=100, history_tokens=200
    )
    turns = [session.turn(f"lamp of the {ROOMS[number % 4]}") for number in range(24)]
    assert all(turn.pinned.tokens <= 100 for turn in turns)
    assert all(turn.delta.tokens <= 90 for turn in turns)


def _revise(memory: Memory, cube_id: str) -> None:
    memory.update(cube_id, "The cellar has no lamp.")


def _undo(memory: Memory, cube_id: str) -> None:
    memory.update(cube_id, "Said by mistake.")
    memory.rollback(cube_id=cube_id, to_version=1)


def _erase(memory: Memory, cube_id: str) -> None:
    memory.erase(cube_id=cube_id)


def _archive(memory: Memory, cube_id: str) -> None:
    memory.archive(cube_id)


def _hide(memory: Memory, cube_id: str) -> None:
    memory.set_header(cube_id, owner="agent:bob", readers=["agent:bob"])


def _supersede(memory: Memory, cube_id: str) -> None:
    newer = memory.add("The lamp of the cellar is gone, and its switch.", scope=SCOPE)
    memory.link(newer.cube_id, cube_id, "supersedes")


def _end(memory: Memory, cube_id: str) -> None:
    memory.update(cube_id, valid_until=datetime.now(UTC) - timedelta(days=1))


CELLAR = "lamp of the cellar switch"


@pytest.mark.parametrize("is_pinned", [False, True])
@pytest.mark.parametrize("end", [_revise, _erase, _archive, _hide, _supersede, _end])
def test_what_no_longer_holds_is_in_no_block_from_the_next_turn_on(
    house: Memory, vault: Path, end: Callable[[Memory, str], None], is_pinned: bool
) -> None:
    """Neither where it was pinned nor where an earlier delta has it: that is to be taken out."""
    with Memory(vault, actor="agent:carol") as reader:
        session = reader.context_session(scope=SCOPE, history_tokens=1 if is_pinned else None)
        first = session.turn(CELLAR)
        cellar = id_of(first, "cellar switch")
        if is_pinned:
            assert "cellar switch" in [session.turn(CELLAR) for _ in range(2)][1].pinned.text
        end(house, cellar)
        after = session.turn(CELLAR)
        assert f"[{cellar[-8:]}]" in str(after.changed)
        assert "cellar switch" not in after.pinned.text
        told_as_over = end is _supersede or "no longer true" in after.delta.text
        assert "cellar switch" not in after.delta.text or told_as_over


def test_a_change_that_was_undone_leaves_the_block_as_it_was(house: Memory) -> None:
    session = house.context_session(scope=SCOPE, history_tokens=1)
    before = [session.turn(CELLAR) for _ in range(3)][-1]
    _undo(house, id_of(before, "cellar switch"))
    assert session.turn(CELLAR).pinned.text == before.pinned.text


def test_a_policy_is_in_force_from_the_next_turn_on(house: Memory) -> None:
    session = house.context_session(scope=SCOPE)
    session.turn("lamp of the cellar")
    house.add("Never name the owner.", scope=SCOPE, tags=["policy"])
    turn = session.turn("lamp of the attic")
    assert turn.changed
    assert "Never name the owner." in turn.pinned.text
    assert turn.pinned.text.index("Never name") < turn.pinned.text.index("number is 7")


def test_a_filter_and_a_hidden_policy_hold_for_the_pinned_block(house: Memory, vault: Path) -> None:
    house.add(
        "Be curt.", scope=SCOPE, tags=["policy"], owner="agent:alice", readers=["agent:alice"]
    )
    with Memory(vault, actor="agent:carol") as reader:
        assert "Be curt" not in quoted(reader.context("curt", scope=SCOPE, stable=True))
    curt = house.context("x", scope=SCOPE, filter={"tags": "pinned"}, stable=True)
    assert RULE not in quoted(curt)
    assert "number is 7" in curt.pinned.text


def test_what_the_blocks_quote_counts_as_used_and_is_noted(house: Memory) -> None:
    context = house.context("lamp of the attic", scope=SCOPE, stable=True)
    rule = id_of(context, RULE)
    noted = [entry for entry in house.accesses(cube_id=rule) if entry.action == "context"]
    assert len(noted) == 1


def test_a_scope_that_holds_nothing_gives_two_empty_blocks(memory: Memory) -> None:
    context = memory.context("anything", scope="acme/none", stable=True)
    assert quoted(context) == ""
    assert context.changed == ()


@pytest.mark.parametrize("state", ["", "x", "W10", "WzEsMixd", 7, "é"])
def test_what_is_no_state_is_refused(house: Memory, state: str) -> None:
    session = house.context_session(scope=SCOPE, state=state)
    with pytest.raises(InvalidInput, match="no state of a context"):
        session.turn("lamp")


def test_what_is_no_moment_or_filter_is_told_with_the_first_turn(house: Memory) -> None:
    odd: Any = 10**5000  # too long to be shown
    for wrong in ({"as_of": odd}, {"filter": odd}, {"filter": {"a": odd}}):
        session = house.context_session(scope=SCOPE, **wrong)
        with pytest.raises(InvalidInput):
            session.turn("lamp")


def test_a_state_belongs_to_its_scope(house: Memory) -> None:
    state = house.context("lamp", scope=SCOPE, stable=True).state
    with pytest.raises(InvalidInput, match="another context"):
        house.context_session(scope="acme", state=state).turn("lamp")


def test_arguments_that_do_not_fit_are_told_before_the_first_turn(house: Memory) -> None:
    for wrong in ({"budget_tokens": 0}, {"history_tokens": True}, {"k": -1}, {"scope": "Ä//"}):
        with pytest.raises(InvalidInput):
            house.context_session(**{"scope": SCOPE} | wrong)


def test_a_session_serves_an_event_loop(house: Memory) -> None:
    async def converse() -> tuple[StableContext, StableContext, str | None]:
        session = await AsyncMemory(house).context_session(scope=SCOPE)
        return await session.turn("attic"), await session.turn("cellar"), session.state

    one, other, state = asyncio.run(converse())
    assert one.pinned.text == other.pinned.text
    assert RULE in one.pinned.text
    assert state == other.state


def test_threads_take_turns(house: Memory) -> None:
    session = house.context_session(scope=SCOPE)
    assert isinstance(session, ContextSession)
    with ThreadPoolExecutor(8) as threads:
        turns = list(threads.map(session.turn, ROOMS * 4))
    assert len({turn.pinned.text for turn in turns}) == 1
