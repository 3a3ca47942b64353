"""Promise 3: digest(live projection) = digest(rebuild from the log), any time."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from memos import Forgotten, Memory, MemosError

WORDS = ["pottery", "norway", "dawn", "陶芸が好き", "\ud800", "", "the"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join).filter(str.strip)
SCOPES = st.sampled_from(["acme", "acme/a", "acme/a/b", "rival/a"])
SOURCES = st.sampled_from([None, "web:blog", "web:blog/7", "web:blog7"])
MODES = st.sampled_from(["overwrite", "append", "merge"])


class AnyHistory(RuleBasedStateMachine):
    """Random operations; refusals are part of the history."""

    cubes = Bundle("cubes")

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.time = 1_700_000_000_000_000
        self.memory = self.opened()
        self.probes = 0

    def opened(self) -> Memory:
        return Memory(self.directory / "vault", actor="agent:alice", clock=self.tick)

    def tick(self) -> int:
        self.time += 1000
        return self.time

    def teardown(self) -> None:
        assert_a_rebuild_changes_nothing(self.memory)
        self.memory.close()
        shutil.rmtree(self.directory)

    @rule(target=cubes, text=TEXTS, scope=SCOPES, source=SOURCES, subject=st.sampled_from("xy"))
    def add(self, text: str, scope: str, source: str | None, subject: str) -> str:
        return self.memory.add(
            text, scope=scope, source=source, subject=f"{scope[0]}{subject}", tags=["home"]
        ).cube_id

    @rule(target=cubes, text=TEXTS, key=st.sampled_from("abc"))
    def add_keyed(self, text: str, key: str) -> str:
        with suppress(MemosError):
            return self.memory.add(text, scope="acme", idempotency_key=key).cube_id
        return self.memory.add(text, scope="acme").cube_id

    @rule(cube=cubes, text=TEXTS, mode=MODES, source=SOURCES)
    def update(self, cube: str, text: str, mode: str, source: str | None) -> None:
        with suppress(MemosError):
            self.memory.update(cube, text, mode=mode, source=source)

    @rule(cube=cubes, action=st.sampled_from(["archive", "restore", "freeze", "thaw"]))
    def move(self, cube: str, action: str) -> None:
        with suppress(MemosError):
            getattr(self.memory, action)(cube)

    @rule(cube=cubes, tag=st.sampled_from(["home", "family"]))
    def tag(self, cube: str, tag: str) -> None:
        with suppress(MemosError):
            self.memory.tag(cube, tag)

    @rule(cube=cubes, readers=st.lists(st.sampled_from(["agent:bob", "agent:carol"]), max_size=2))
    def set_header(self, cube: str, readers: list[str]) -> None:
        with suppress(MemosError):
            self.memory.set_header(cube, readers=readers)

    @rule(
        cube=cubes,
        after=st.sampled_from(["1ms", "1h"]),
        then=st.sampled_from(["archive", "expire", "erase"]),
    )
    def set_lifespan(self, cube: str, after: str, then: str) -> None:
        with suppress(MemosError):
            self.memory.set_lifespan(cube, after=after, then=then)

    @rule()
    def sweep(self) -> None:
        with suppress(MemosError):
            self.memory.sweep()

    @rule(
        cube=cubes,
        other=cubes,
        relation=st.sampled_from(["derived_from", "quoted_from", "supersedes"]),
    )
    def link(self, cube: str, other: str, relation: str) -> None:
        with suppress(MemosError):
            self.memory.link(cube, other, relation)

    @rule(target=cubes, first=cubes, second=cubes)
    def merge(self, first: str, second: str) -> str:
        with suppress(MemosError):
            return self.memory.merge([first, second]).cube_id
        return first

    @rule(cube=cubes, version=st.integers(1, 3))
    def roll_back_cube(self, cube: str, version: int) -> None:
        with suppress(MemosError):
            self.memory.rollback(cube, to_version=version)

    @rule(source=st.sampled_from(["web:blog", "web:blog/7"]))
    def roll_back_source(self, source: str) -> None:
        with suppress(MemosError):
            self.memory.rollback(source=source)

    @rule(cube=consumes(cubes))
    def erase(self, cube: str) -> None:
        with suppress(MemosError):
            self.memory.erase(cube_id=cube)
            assert isinstance(self.memory.get(cube), Forgotten)

    @rule()
    def reopen(self) -> None:
        self.memory.close()
        self.memory = self.opened()

    @invariant()
    def a_rebuild_gives_the_same(self) -> None:
        self.probes += 1
        if not self.probes % 10:
            assert_a_rebuild_changes_nothing(self.memory)


def assert_a_rebuild_changes_nothing(memory: Memory) -> None:
    def answers() -> list[list[tuple[str, int, float, str]]]:
        return [
            [
                (h.cube_id, h.version, h.score, h.text)
                for h in memory.search(word, scope=scope, k=50)
            ]
            for word in ("pottery norway", "陶芸", "the")
            for scope in ("acme", "rival")
        ]

    digest, found = memory.digest(), answers()
    assert memory.rebuild().digest == digest
    assert memory.digest() == digest
    assert answers() == found
    assert memory.verify().ok


AnyHistory.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyHistory = AnyHistory.TestCase
