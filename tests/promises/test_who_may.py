"""The table of docs/promises.md, cell by cell: who may do what with which header."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from memos import Denied, Held, MemCube, Memory, NotFound
from memos.operation.scheduler.costs import Costs
from memos.operation.scheduler.plan import plan
from memos.operation.scheduler.policies.lru import Lru
from memos.operation.scheduler.port import Budget
from memos.operation.scheduler.record import record

PAGE = Path(__file__).parents[2] / "docs" / "promises.md"
ROOT, ADMINISTRATOR, OWNER = "user:root", "agent:administrator", "agent:owner"
READER, WRITER, ANYONE, RIVAL = "agent:reader", "agent:writer", "agent:anyone", "agent:rival"
TENANT = "acme"


class Case(NamedTuple):
    """Who acts, and on a memory with which header."""

    actor: str
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()


COLUMNS: Mapping[str, Case] = {
    "anyone, silent header": Case(ANYONE),
    "anyone, readers named": Case(ANYONE, readers=(READER,)),
    "anyone, writers named": Case(ANYONE, writers=(WRITER,)),
    "a reader": Case(READER, readers=(READER,)),
    "a writer": Case(WRITER, readers=(READER,), writers=(WRITER,)),
    "owner": Case(OWNER, readers=(READER,)),
    "tenant's administrator": Case(ADMINISTRATOR, readers=(READER,)),
    "vault's administrator": Case(ROOT, readers=(READER,)),
    "another tenant's": Case(RIVAL),
}


class Vault:
    """One vault, opened by each actor of the table."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = Memory(path, actor=ROOT)
        self.root.grant_administrator(TENANT, ADMINISTRATOR)
        self.root.grant_administrator("rival", RIVAL)
        actors = (ADMINISTRATOR, OWNER, READER, WRITER, ANYONE)
        self.by_actor = {ROOT: self.root} | {name: Memory(path, actor=name) for name in actors}
        self.by_actor[RIVAL] = Memory(path, actor=RIVAL, tenant="rival")
        self.count = 0

    def close(self) -> None:
        for memory in self.by_actor.values():
            memory.close()


def in_two_days() -> int:
    return time.time_ns() // 1000 + 2 * 86_400_000_000


class Cell:
    """One actor before one memory of the owner's."""

    def __init__(self, vault: Vault, case: Case) -> None:
        vault.count += 1
        self.path = vault.path
        self.scope = f"{TENANT}/cell-{vault.count}"
        self.owner = vault.by_actor[OWNER]
        self.administrator = vault.by_actor[ADMINISTRATOR]
        self.me = vault.by_actor[case.actor]
        self.home = "rival" if case.actor == RIVAL else self.scope
        self.cube = self.owner.add(
            "first", scope=self.scope, readers=case.readers, writers=case.writers
        ).cube_id

    def mine(self) -> str:
        """A memory of the actor's own."""
        return self.me.add("of my own", scope=self.home).cube_id

    def state(self) -> MemCube:
        cube = self.owner.get(self.cube, any_state=True)
        assert isinstance(cube, MemCube)
        return cube

    def frozen(self) -> str:
        self.owner.freeze(self.cube)
        return self.cube

    def held(self) -> str:
        self.administrator.hold(self.cube)
        return self.cube


def roll_back_content(cell: Cell) -> bool:
    cell.owner.update(cell.cube, "second")
    cell.me.rollback(cell.cube, to_version=1)
    return cell.state().text == "first"


def roll_back_header(cell: Cell) -> bool:
    cell.owner.set_header(cell.cube, priority=4)
    cell.me.rollback(cell.cube, to_version=1)
    return cell.state().priority == 0


def undo_header_of_an_actor(cell: Cell) -> bool:
    cell.administrator.set_header(cell.cube, priority=4)
    cell.me.rollback(actor=ADMINISTRATOR, scope=cell.scope)
    return cell.state().priority == 0


def erase_source(cell: Cell, keep: Callable[[str], object]) -> None:
    """Erase a memory of the actor's own, of which the owner has made one that is kept."""
    source = cell.mine()
    made = cell.owner.add("made of it", scope=cell.scope, derived_from=[source]).cube_id
    keep(made)
    assert made in cell.me.erase(cube_id=source).cube_ids


def erase_by_lifespan(cell: Cell) -> bool:
    cell.me.set_lifespan(cell.cube, "1d", then="erase")
    with Memory(cell.path, actor=ROOT, clock=in_two_days) as later:
        return cell.frozen() in later.sweep().erased


def decide_on_form(cell: Cell) -> None:
    """Keep a decision that the owner's scheduler would take."""
    cell.owner.get(cell.cube)
    costs = Costs(bytes_per_token=1, milliseconds_per_token=1.0)
    made = plan(cell.owner._session, cell.scope, Lru(), Budget(1_000), costs)
    assert [decision.cube_id for decision in made.decisions] == [cell.cube]
    record(cell.me._session, made)


ACTIONS: Mapping[str, Callable[[Cell], object]] = {
    "read it": lambda c: c.me.get(c.cube),
    "derive from it": lambda c: c.me.add("x", scope=c.home, derived_from=[c.cube]),
    "change its content or tags": lambda c: c.me.update(c.cube, "second"),
    "archive, restore": lambda c: c.me.restore(c.me.archive(c.cube).cube_id),
    "decide on its form": decide_on_form,
    "merge it away": lambda c: c.me.merge([c.cube, c.mine()]),
    "say that it supersedes another": lambda c: c.me.link(c.cube, c.mine(), "supersedes"),
    "tie it to a source": lambda c: c.me.link(c.cube, c.mine(), "derived_from"),
    "change its header": lambda c: c.me.set_header(c.cube, priority=5),
    "give it a lifespan": lambda c: c.me.set_lifespan(c.cube, "90d"),
    "freeze it": lambda c: c.me.freeze(c.cube),
    "thaw it": lambda c: c.me.thaw(c.frozen()),
    "put it under a hold": lambda c: c.me.hold(c.cube),
    "lift a hold": lambda c: c.me.lift_hold(c.held()),
    "erase it": lambda c: c.me.erase(cube_id=c.cube),
    "erase it while it is frozen": lambda c: c.me.erase(cube_id=c.frozen()),
    "erase it, frozen, with a source of their own": lambda c: erase_source(c, c.owner.freeze),
    "erase it, frozen, by a lifespan": erase_by_lifespan,
    "erase it, held, with a source of their own": lambda c: erase_source(c, c.administrator.hold),
    "erase it while it is held": lambda c: c.me.erase(cube_id=c.held()),
    "roll back its content": roll_back_content,
    "roll back its header": roll_back_header,
    "undo what an actor did to its header": undo_header_of_an_actor,
    "sweep the tenant": lambda c: c.me.sweep(),
    "name the tenant's administrators": lambda c: c.me.grant_administrator(TENANT, "agent:new"),
    "issue the tenant's API keys": lambda c: c.me.create_api_key("agent:new", tenant=TENANT),
    "issue API keys of the whole vault": lambda c: c.me.create_api_key("agent:new", tenant=None),
    "order the tenant's sensitivities": lambda c: c.me.set_sensitivities(TENANT, ["low", "high"]),
}


def table() -> Mapping[str, Mapping[str, str]]:
    """The page's table: for each action, what it says of each column."""
    page = PAGE.read_text("utf-8")
    part = page[page.index("## Who may do what") :]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    head, _, *body = split
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body}


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    made = Vault(tmp_path_factory.mktemp("who") / "vault")
    yield made
    made.close()


def test_the_table_is_whole() -> None:
    said = table()
    assert list(said) == list(ACTIONS)
    assert all(list(row) == list(COLUMNS) for row in said.values())


@pytest.mark.parametrize("action", ACTIONS)
def test_each_may_do_what_the_table_says_and_nothing_else(vault: Vault, action: str) -> None:
    if action == "sweep the tenant":  # the rival may sweep, and what is theirs only
        swept = vault.by_actor[RIVAL].sweep()
        assert not any((swept.archived, swept.expired, swept.erased))
    found = {}
    for column, case in COLUMNS.items():
        if action == "sweep the tenant" and case.actor == RIVAL:
            found[column] = "no"
            continue
        cell = Cell(vault, case)
        try:
            done = ACTIONS[action](cell)
        except (Denied, NotFound, Held):
            done = False
        found[column] = "yes" if done is not False else "no"
    assert found == table()[action]
