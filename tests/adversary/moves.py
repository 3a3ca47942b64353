"""What an adversary tries: every door, with whatever arguments chance gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from memos import Memory
from tests.adversary.oracle import TAINTING, Oracle

SOURCES = ("web:a", "web:a/b", "web:c", "chat:d")
SUBJECTS = ("ann", "ben")
SHARED_WORD = "pottery"


@dataclass
class Attempt:
    """One call: by whom, of what, and which ids and words they named themselves."""

    actor: str
    name: str
    call: Callable[[], Any]
    named: set[str] = field(default_factory=set)
    word: str = ""
    target: str = ""
    overwrites: bool = False
    derived: tuple[tuple[str, str], ...] = ()
    """What flows where if it succeeds; an empty end is the cube that the receipt names."""
    grants: tuple[str, str, bool] | None = None
    """Tenant, actor, and whether they are to administer it from then on."""


class Moves:
    """Draws the next attempt."""

    def __init__(self, memories: dict[str, Memory], oracle: Oracle, chance: Random) -> None:
        self._memories = memories
        self._oracle = oracle
        self._chance = chance
        self._count = 0
        self._drawn: dict[Callable[[str, Memory], Attempt], int] = {
            self.add: 14,
            self.update: 8,
            self.tag: 3,
            self.link: 7,
            self.merge: 4,
            self.set_header: 8,
            self.set_lifespan: 4,
            self.move: 8,
            self.read_one: 12,
            self.read_many: 16,
            self.read_log: 5,
            self.roll_back: 6,
            self.erase: 5,
            self.erase_many: 2,
            self.sweep: 3,
            self.grant: 2,
        }

    def draw(self) -> Attempt:
        """The next attempt, of any actor."""
        actor = self._chance.choice(list(self._memories))
        kind = self._chance.choices(list(self._drawn), list(self._drawn.values()))[0]
        return kind(actor, self._memories[actor])

    def _word(self) -> str:
        self._count += 1
        return f"zq{self._count}x"

    def _tenant(self, actor: str) -> str:
        mine = self._oracle.tenants[actor]
        others = sorted(set(self._oracle.tenants.values()) - {mine})
        return self._chance.choice(others) if self._chance.random() < 0.08 else mine

    def _scope(self, actor: str) -> str:
        return f"{self._tenant(actor)}/{self._chance.choice('ab')}"

    def _some(self, most: int, least: int = 0) -> list[str]:
        """Any memories, mostly young ones and of one tenant: an adversary knows all ids."""
        tenant = self._chance.choice([*self._oracle.tenants.values(), ""])
        young = list(self._oracle.cubes.values())[-80:]
        known = [cube.cube_id for cube in young if cube.tenant == tenant or not tenant]
        count = min(len(known), self._chance.randint(least, most))
        return self._chance.sample(known, count)

    def _one(self) -> str:
        return (self._some(1, 1) or ["00000000-0000-7000-8000-000000000000"])[0]

    def _actors(self) -> list[str]:
        return [actor for actor in self._memories if self._chance.random() < 0.4]

    def _header(self) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if self._chance.random() < 0.4:
            facts["readers"] = self._actors()
        if self._chance.random() < 0.3:
            facts["writers"] = self._actors()
        if self._chance.random() < 0.2:
            facts["sensitivity"] = self._chance.choice(["public", "secret"])
        return facts

    def _lifespan(self) -> dict[str, str]:
        return {
            "after": f"{self._chance.randint(1, 30)}d",
            "then": self._chance.choice(["archive", "expire", "erase"]),
        }

    def _attempt(
        self, actor: str, name: str, call: Callable[[], Any], named: Iterable[str] = (), **more: Any
    ) -> Attempt:
        return Attempt(actor, name, call, set(named), **more)

    def add(self, actor: str, memory: Memory) -> Attempt:
        word, scope = self._word(), self._scope(actor)
        sources = self._some(2) if self._chance.random() < 0.4 else []
        facts = self._header()
        if self._chance.random() < 0.15:
            facts["lifespan"] = self._lifespan()
        if self._chance.random() < 0.3:
            facts["subject"] = self._chance.choice(SUBJECTS)
        return self._attempt(
            actor,
            "add",
            lambda: memory.add(
                f"{SHARED_WORD} {word}",
                scope=scope,
                source=self._chance.choice(SOURCES),
                tags=[f"tag{word}"],
                derived_from=sources,
                **facts,
            ),
            sources,
            word=word,
            derived=tuple((source, "") for source in sources),
        )

    def update(self, actor: str, memory: Memory) -> Attempt:
        word, cube_id = self._word(), self._one()
        mode = self._chance.choice(["overwrite", "append"])
        return self._attempt(
            actor,
            "update",
            lambda: memory.update(cube_id, f"{SHARED_WORD} {word}", mode=mode),
            [cube_id],
            word=word,
            target=cube_id,
            overwrites=mode == "overwrite",
        )

    def tag(self, actor: str, memory: Memory) -> Attempt:
        cube_id, word = self._one(), self._word()
        return self._attempt(
            actor, "tag", lambda: memory.tag(cube_id, f"tag{word}"), [cube_id], word=word
        )

    def link(self, actor: str, memory: Memory) -> Attempt:
        pair = self._some(2, 2)
        cube_id, other = pair if len(pair) == 2 else (self._one(), self._one())
        relation = self._chance.choice(
            ["derived_from", "quoted_from", "supersedes", "same_text_as"]
        )
        flows = ((other, cube_id),) if relation in TAINTING else ()
        return self._attempt(
            actor,
            "link",
            lambda: memory.link(cube_id, other, relation),
            [cube_id, other],
            target=cube_id,
            derived=flows,
        )

    def merge(self, actor: str, memory: Memory) -> Attempt:
        cubes, word = self._some(3, 2), self._word()
        return self._attempt(
            actor,
            "merge",
            lambda: memory.merge(cubes, f"{SHARED_WORD} {word}"),
            cubes,
            word=word,
            derived=tuple((cube_id, "") for cube_id in cubes),
        )

    def set_header(self, actor: str, memory: Memory) -> Attempt:
        cube_id, facts = self._one(), self._header() or {"readers": []}
        if self._chance.random() < 0.15:
            facts["owner"] = self._chance.choice(list(self._memories))
        return self._attempt(
            actor, "set_header", lambda: memory.set_header(cube_id, **facts), [cube_id]
        )

    def set_lifespan(self, actor: str, memory: Memory) -> Attempt:
        cube_id, facts = self._one(), self._lifespan()
        return self._attempt(
            actor,
            "set_lifespan",
            lambda: memory.set_lifespan(cube_id, facts["after"], then=facts["then"]),
            [cube_id],
        )

    def move(self, actor: str, memory: Memory) -> Attempt:
        cube_id = self._one()
        name = self._chance.choice(["archive", "restore", "freeze", "thaw", "hold", "lift_hold"])
        return self._attempt(actor, name, lambda: getattr(memory, name)(cube_id), [cube_id])

    def read_one(self, actor: str, memory: Memory) -> Attempt:
        cube_id = self._one()
        calls: dict[str, Callable[[], Any]] = {
            "get": lambda: memory.get(cube_id, any_state=True),
            "get version": lambda: memory.get(cube_id, version=1),
            "history": lambda: memory.history(cube_id),
            "lineage": lambda: memory.lineage(cube_id, depth=3),
            "related": lambda: memory.related(cube_id),
            "diff": lambda: memory.diff(cube_id, 1, 2),
        }
        name = self._chance.choice(list(calls))
        return self._attempt(actor, name, calls[name], [cube_id])

    def read_many(self, actor: str, memory: Memory) -> Attempt:
        scope = self._scope(actor) if self._chance.random() < 0.5 else self._tenant(actor)
        query = self._chance.choice([SHARED_WORD, *list(self._oracle.words)[-30:]])
        calls: dict[str, Callable[[], Any]] = {
            "search": lambda: list(memory.search(query, scope=scope, k=50)),
            "search archived": lambda: list(
                memory.search(query, scope=scope, k=50, states=["Archived", "Merged", "Expired"])
            ),
            "context": lambda: memory.context(query, scope=scope),
            "route": lambda: memory.route(query, scope=scope),
            "tags": lambda: memory.tags(scope),
            "vocabulary": lambda: memory.vocabulary(scope),
        }
        name = self._chance.choice(list(calls))
        return self._attempt(actor, name, calls[name], [query])

    def read_log(self, actor: str, memory: Memory) -> Attempt:
        cube_id = self._one()
        calls: dict[str, Callable[[], Any]] = {
            "events": lambda: list(memory.events()),
            "events of a cube": lambda: list(memory.events(cube_id=cube_id)),
            "events of a source": lambda: list(memory.events(source="web:a")),
            "cuts": memory.cuts,
        }
        name = self._chance.choice(list(calls))
        return self._attempt(actor, name, calls[name], [cube_id])

    def roll_back(self, actor: str, memory: Memory) -> Attempt:
        cube_id, other = self._one(), self._chance.choice(list(self._memories))
        dry_run = self._chance.random() < 0.3
        calls: dict[str, Callable[[], Any]] = {
            "rollback": lambda: memory.rollback(cube_id, to_version=1, dry_run=dry_run),
            "rollback source": lambda: memory.rollback(
                source=self._chance.choice(SOURCES), dry_run=dry_run
            ),
            "rollback actor": lambda: memory.rollback(actor=other, dry_run=dry_run),
        }
        name = self._chance.choices(list(calls), [6, 2, 1])[0]
        return self._attempt(actor, name, calls[name], [cube_id])

    def erase(self, actor: str, memory: Memory) -> Attempt:
        cube_id = self._one()
        return self._attempt(
            actor, "erase", lambda: memory.erase(cube_id=cube_id), [cube_id], target=cube_id
        )

    def erase_many(self, actor: str, memory: Memory) -> Attempt:
        if self._chance.random() < 0.7:
            subject = self._chance.choice(SUBJECTS)
            return self._attempt(actor, "erase subject", lambda: memory.erase(subject=subject))
        scope = f"{self._scope(actor)}/{self._chance.choice('xy')}"
        return self._attempt(actor, "erase scope", lambda: memory.erase(scope=scope))

    def sweep(self, actor: str, memory: Memory) -> Attempt:
        return self._attempt(actor, "sweep", memory.sweep)

    def grant(self, actor: str, memory: Memory) -> Attempt:
        tenant, other = self._tenant(actor), self._chance.choice(list(self._memories))
        if self._chance.random() < 0.5:
            call = memory.grant_administrator
            return self._attempt(
                actor, "grant", lambda: call(tenant, other), grants=(tenant, other, True)
            )
        end = memory.revoke_administrator
        return self._attempt(
            actor, "revoke", lambda: end(tenant, other), grants=(tenant, other, False)
        )
