"""The mixed work of one thread: every kind of operation, on its own memories and on shared ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from memos import Forgotten, Held, MemCube, Memory, Receipt
from tests.hammer.journal import Fault, Journal

TENANT = "acme"
SUBSCOPES = 4
KEPT = 40


def ack(receipt: Receipt) -> dict[str, Any]:
    """A receipt as a journal keeps it."""
    return {
        "event": receipt.event_id,
        "cube": receipt.cube_id,
        "version": receipt.version,
        "position": str(receipt.position),
    }


class Hand:
    """One thread at work. `name` is unique, so are the words of every text it writes."""

    def __init__(
        self,
        memory: Memory,
        actor: str,
        journal: Journal,
        name: str,
        shared: dict[str, list[str]],
        pending: list[dict[str, Any]],
    ) -> None:
        self.memory = memory
        self.actor = actor
        self.journal = journal
        self.name = name
        self.random = Random(name)
        self.counters = shared["counters"]
        self.pool = shared["pool"]
        self.pending = pending
        self.mine: list[str] = []
        self.scope = f"{TENANT}/{name}"
        self._count = 0
        weighted: dict[Callable[[], None], int] = {
            self.add: 20,
            self.add_batch: 6,
            self.add_keyed: 8,
            self.count: 14,
            self.update: 8,
            self.append: 6,
            self.tag: 4,
            self.hide: 4,
            self.hold: 3,
            self.merge: 3,
            self.set_header: 3,
            self.roll_back_source: 2,
            self.roll_back_actor: 1,
            self.erase: 3,
            self.erase_subject: 1,
            self.search: 8,
            self.get: 10,
            self.sweep: 2,
            self.checkpoint: 3,
        }
        self._kinds, self._weights = list(weighted), list(weighted.values())

    def work(self) -> None:
        """For ever: only a signal ends it."""
        for facts in self.pending:
            self._keyed(facts)
        while True:
            self.random.choices(self._kinds, self._weights)[0]()

    def _word(self) -> str:
        self._count += 1
        return f"{self.name.replace('-', 'x')}n{self._count}"

    def _scope(self) -> str:
        return f"{self.scope}/{self.random.randrange(SUBSCOPES)}"

    def _keep(self, *cube_ids: str) -> None:
        self.mine = [*self.mine, *cube_ids][-KEPT:]

    def _one(self) -> str:
        if not self.mine:
            self.add()
        return self.random.choice(self.mine)

    def add(self) -> None:
        word = self._word()
        text = f"the word {word} " + "and more words " * self.random.randrange(5)
        with self.journal.attempt("add", text=text) as done:
            receipt = self.memory.add(
                text, scope=self._scope(), source=f"web:{word}", tags=[f"tag{word}"]
            )
            done(**ack(receipt))
        cube = self.memory.get(receipt.cube_id)
        if not isinstance(cube, MemCube) or cube.text != text:
            raise Fault(f"{receipt} does not read back: {cube}")
        found = self.memory.search(word, scope=self.scope)
        if [hit.cube_id for hit in found] != [receipt.cube_id]:
            raise Fault(f"{receipt} is not found by {word}: {found}")
        self._keep(receipt.cube_id)

    def add_batch(self) -> None:
        word, size = self._word(), self.random.randrange(2, 20)
        items = [
            {"text": f"{word} item {n}", "scope": self._scope(), "source": f"batch:{word}"}
            for n in range(size)
        ]
        with self.journal.attempt("batch", source=f"batch:{word}", size=size) as done:
            receipts = self.memory.add_many(items)
            done(receipts=[ack(receipt) for receipt in receipts])
            self._keep(*(receipt.cube_id for receipt in receipts[:3]))

    def add_keyed(self) -> None:
        word = self._word()
        facts = {"key": word, "text": f"keyed {word}", "scope": self._scope()}
        for _ in range(self.random.randrange(1, 4)):
            self._keyed(facts)

    def _keyed(self, facts: dict[str, Any]) -> None:
        with self.journal.attempt("keyed", **facts) as done:
            key, text, scope = facts["key"], facts["text"], facts["scope"]
            receipt = self.memory.add(text, scope=scope, source=f"key:{key}", idempotency_key=key)
            done(**ack(receipt))

    def count(self) -> None:
        """Read, add one, write back: no increment may be lost."""
        cube_id = self.random.choice(self.counters)
        cube = self.memory.get(cube_id)
        if not isinstance(cube, MemCube):
            raise Fault(f"the counter {cube_id} is gone")
        value = int(cube.text) + 1
        with self.journal.attempt("count", counter=cube_id, text=str(value)) as done:
            done(**ack(self.memory.update(cube_id, str(value), expected_version=cube.version)))

    def update(self) -> None:
        cube_id = self.random.choice([self._one(), *self.pool])
        text = f"updated {self._word()}"
        with self.journal.attempt("update", text=text) as done:
            done(**ack(self.memory.update(cube_id, text)))

    def append(self) -> None:
        line = f"line {self._word()}"
        with self.journal.attempt("append", line=line) as done:
            done(**ack(self.memory.update(self.random.choice(self.pool), line, mode="append")))

    def tag(self) -> None:
        with self.journal.attempt("tag") as done:
            tagged = self.memory.tag(self.random.choice([self._one(), *self.pool]), "tagged")
            if tagged.event_id:  # what has the tag already writes no event
                done(**ack(tagged))

    def hide(self) -> None:
        cube_id = self._one()
        with self.journal.attempt("archive") as done:
            done(**ack(self.memory.archive(cube_id)))
        with self.journal.attempt("restore") as done:
            done(**ack(self.memory.restore(cube_id)))

    def hold(self) -> None:
        cube_id = self._one()
        with self.journal.attempt("hold") as done:
            done(**ack(self.memory.hold(cube_id)))
            try:
                self.memory.erase(cube_id=cube_id)
            except Held:
                pass
            else:
                raise Fault(f"{cube_id} was erased under a hold")
        with self.journal.attempt("lift hold") as done:
            done(**ack(self.memory.lift_hold(cube_id)))

    def merge(self) -> None:
        first, second = self._one(), self._one()
        if first == second:
            return
        text = f"merged {self._word()}"
        with self.journal.attempt("merge", text=text) as done:
            receipt = self.memory.merge([first, second], text=text)
            done(**ack(receipt))
            self.mine = [cube for cube in self.mine if cube not in (first, second)]
            self._keep(receipt.cube_id)

    def set_header(self) -> None:
        with self.journal.attempt("header") as done:
            priority = self.random.randrange(10)
            done(**ack(self.memory.set_header(self._one(), priority=priority)))

    def roll_back_source(self) -> None:
        """What came from a source goes; what stood before it comes back."""
        word, kept = self._word(), f"clean {self._word()}"
        source = f"poison:{word}"
        with self.journal.attempt("rollback", source=source) as done:
            clean = self.memory.add(kept, scope=self._scope())
            self.memory.update(clean.cube_id, f"poisoned {word}", source=source)
            poison = self.memory.add(f"poison {word}", scope=self._scope(), source=source)
            undone = self.memory.rollback(source=source)
            changed = {change.cube_id for change in undone.changes}
            if changed != {clean.cube_id, poison.cube_id}:
                raise Fault(f"the rollback of {source} changed {changed}")
            cube = self.memory.get(clean.cube_id)
            if not isinstance(cube, MemCube) or cube.text != kept:
                raise Fault(f"{clean.cube_id} did not go back: {cube}")
            done(operations=list(undone.operation_ids))

    def roll_back_actor(self) -> None:
        if not self.mine:
            return
        with self.journal.attempt("rollback", actor=self.name) as done:
            since = self.memory.add(f"tail {self._word()}", scope=self.scope).position
            undone = self.memory.rollback(actor=self.actor, since=since, scope=self.scope)
            done(operations=list(undone.operation_ids))

    def erase(self) -> None:
        cube_id = self._one()
        with self.journal.attempt("erase", cube=cube_id) as done:
            receipt = self.memory.erase(cube_id=cube_id)
            done(cubes=list(receipt.cube_ids), operation=receipt.operation_id)
            self._check_gone(cube_id)
        self.mine = [cube for cube in self.mine if cube != cube_id]

    def erase_subject(self) -> None:
        subject = f"person{self._word()}"
        with self.journal.attempt("erase", subject=subject) as done:
            made = [
                self.memory.add(f"about {subject} {n}", scope=self._scope(), subject=subject)
                for n in range(3)
            ]
            receipt = self.memory.erase(subject=subject)
            done(cubes=list(receipt.cube_ids), operation=receipt.operation_id)
            for each in made:
                self._check_gone(each.cube_id)

    def _check_gone(self, cube_id: str) -> None:
        if not isinstance(self.memory.get(cube_id), Forgotten):
            raise Fault(f"{cube_id} can be read after its erase was acknowledged")

    def search(self) -> None:
        with self.journal.attempt("search"):
            scope = self.random.choice([TENANT, self.scope])
            self.memory.search("more words tagged", scope=scope, k=5)

    def get(self) -> None:
        cube_id = self.random.choice([self._one(), *self.pool])
        with self.journal.attempt("get"):
            self.memory.get(cube_id)
            self.memory.history(cube_id)

    def sweep(self) -> None:
        with self.journal.attempt("sweep") as done:
            then = self.random.choice(["archive", "expire", "erase"])
            lifespan = {"after": "1us", "then": then}
            self.memory.add(f"brief {self._word()}", scope=self._scope(), lifespan=lifespan)
            swept = self.memory.sweep()
            done(swept=sum(map(len, (swept.archived, swept.expired, swept.erased))))

    def checkpoint(self) -> None:
        with self.journal.attempt("checkpoint") as done:
            done(note=self.memory.checkpoint().note)


def make_shared(
    vault: Path, counters: int, pool: int, actors: Sequence[str]
) -> dict[str, list[str]]:
    """The memories that all workers write to, in a tenant that each of them administers."""
    with Memory(vault, actor="user:admin") as memory:
        for actor in actors:
            memory.grant_administrator(TENANT, actor)
        return {
            "counters": [
                memory.add("0", scope=f"{TENANT}/counters").cube_id for _ in range(counters)
            ],
            "pool": [memory.add("pool", scope=f"{TENANT}/pool").cube_id for _ in range(pool)],
        }
