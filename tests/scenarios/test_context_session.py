"""A conversation's context stays the same to the byte, and nothing that no longer holds is in it."""

from __future__ import annotations

from memos import Memory


def test_a_pinned_block_stays_until_something_in_the_prompt_no_longer_holds(
    memory: Memory, tenant: str
) -> None:
    memory.add("Answer in French.", scope=tenant, tags=["policy"])
    lamp = memory.add("The cellar lamp has a red switch.", scope=tenant)
    attic = memory.add("The attic lamp has a blue switch.", scope=tenant)
    session = memory.context_session(scope=tenant)
    first = session.turn("Which switch has the cellar lamp?")
    assert "French" in first.pinned.text
    assert "red switch" in first.delta.text
    goes_on = memory.context_session(scope=tenant, state=session.state)
    second = goes_on.turn("Which switch has the attic lamp?")
    assert (second.pinned.text, second.changed) == (first.pinned.text, ())
    memory.update(lamp.cube_id, "The cellar lamp has no switch.")
    revised = goes_on.turn("Which switch has the cellar lamp?")
    assert "was changed" in str(revised.changed)
    assert "no switch" in revised.pinned.text + revised.delta.text
    assert "red switch" not in revised.pinned.text + revised.delta.text
    memory.erase(cube_id=attic.cube_id)
    erased = goes_on.turn("Which switch has the attic lamp?")
    assert "no longer to be shown" in str(erased.changed)
    assert "blue switch" not in erased.pinned.text + erased.delta.text
