"""What a rollback by an operation's id says where it takes nothing back."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from memos import IllegalMove, Memory, NotFound, Receipt
from tests.scenarios.place import Place, read

BOB = "agent:bob"

GOVERNANCE: dict[str, tuple[Callable[[Memory, str, str], Receipt], str]] = {
    "freeze": (lambda m, t, c: m.freeze(c), "a freeze is ended by thaw"),
    "hold": (lambda m, t, c: m.hold(c), "a legal hold is ended by lift_hold"),
    "thaw": (lambda m, t, c: m.thaw(m.freeze(c).cube_id), "freeze stops the changes"),
    "lift_hold": (lambda m, t, c: m.lift_hold(m.hold(c).cube_id), "hold puts"),
    "grant": (lambda m, t, c: m.grant_administrator(t, BOB), "ended by revoke_administrator"),
    "revoke": (
        lambda m, t, c: [m.grant_administrator(t, BOB), m.revoke_administrator(t, BOB)][1],
        "grant_administrator names agent:bob",
    ),
    "sensitivities": (lambda m, t, c: m.set_sensitivities(t, ["low"]), "set_sensitivities"),
}


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_a_rollback_never_takes_back_says_what_does(
    memory: Memory, tenant: str, dry_run: bool
) -> None:
    for change, instead in GOVERNANCE.values():
        cube = memory.add("governed", scope=tenant).cube_id
        operation = change(memory, tenant, cube).operation_id
        before = (memory.get(cube), memory.administrators(tenant))
        with pytest.raises(IllegalMove, match="nothing was changed") as told:
            memory.rollback(operation=operation, dry_run=dry_run)
        assert instead in str(told.value).replace("'", "")
        assert (memory.get(cube), memory.administrators(tenant)) == before
    erased = memory.erase(cube_id=memory.add("erased", scope=tenant).cube_id)
    with pytest.raises(IllegalMove, match="an erase destroys keys"):
        memory.rollback(operation=erased.operation_id, dry_run=dry_run)


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_id_of_no_operation_and_of_one_that_is_hidden_are_told_alike(
    place: Place, memory: Memory, tenant: str, dry_run: bool
) -> None:
    bob = place.open(BOB, tenant=tenant)
    hidden = memory.add("hidden", scope=tenant, readers=["agent:alice"]).cube_id
    frozen = memory.freeze(hidden).operation_id
    for operation in (str(uuid4()), frozen):
        with pytest.raises(NotFound) as told:
            bob.rollback(operation=operation, dry_run=dry_run)
        assert str(told.value).replace(operation, "ID") == (
            "there is no operation ID: check the id, and the vault it is from"
        )


def test_what_is_undone_already_is_nothing_to_undo(memory: Memory, tenant: str) -> None:
    cube = memory.add("first", scope=tenant).cube_id
    updated = memory.update(cube, "second").operation_id
    assert memory.rollback(operation=updated).changes
    assert memory.rollback(operation=updated).changes == ()
    assert memory.rollback(operation=updated, dry_run=True).changes == ()
    assert read(memory, cube).text == "first"
