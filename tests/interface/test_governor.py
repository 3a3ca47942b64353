"""What a governor hides is in no answer: every door gives what a vault without it would give."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import fields, is_dataclass
from functools import partial
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from memos import Denied, Memory, MemosError, NotFound
from memos.infrastructure.governance.decision import (
    Action,
    Decision,
    Filter,
    Governor,
    HeaderRules,
    Resource,
    Subject,
)
from tests.interface.embedder import HashingEmbedder
from tests.interface.test_gate import NO_CALL

ADMIN, SCOPE = "agent:admin", "acme/alice"
ABSENT = "00000000-0000-7000-8000-000000000000"
LABELS = [f"m{number}" for number in range(12)]
TURNS = [f"t{number}" for number in range(6)]

WRITES = {
    "add": "makes what its caller names",
    "add_many": "as add",
    "add_conversation": "as add",
    "import_file": "as add",
    "import_export": "a load: an administrator's",
    "load": "an administrator's",
    "name_cut": "names a moment of the whole vault",
    "rebuild": "changes nothing that can be read",
    "sweep": "an administrator's",
    "tag": "of the cube that is named",
    "untag": "of the cube that is named",
    "update": "of the cube that is named",
    "archive": "of the cube that is named",
    "restore": "of the cube that is named",
    "freeze": "of the cube that is named",
    "thaw": "of the cube that is named",
    "set_header": "of the cube that is named",
    "set_lifespan": "of the cube that is named",
    "erase": "names only what its caller may read; see below",
    "link": "of cubes that are named",
    "hold": "of the cube that is named",
    "lift_hold": "of the cube that is named",
    "grant_administrator": "names whom its caller named",
    "revoke_administrator": "names whom its caller named",
    "merge": "of cubes that are named",
    "set_sensitivities": "of the tenant that is named",
    "set_vocabulary": "of the scope that is named",
    "keep_queries": "an administrator's",
    "queries": "what was asked, not what was found: an administrator's",
    "migrated_from": "logs that came before",
    "verifier_key": "a public key",
}
"""Doors that answer with nothing but what their caller named, or that made the vault."""

WHOLE = {
    "audit": "every record is checked, for who is trusted with the whole vault",
    "checkpoint": "the tree over every record",
    "digest": "a hash over everything",
    "prove_consistency": "the tree over every record",
    "usage_digest": "a hash over everything",
    "verify": "every record is checked",
    "wait_for": "a position, which names nothing",
}
"""Doors of the whole vault: no id and no text may be in what they give."""


def is_hidden(actor: str, cube_id: str, seed: int) -> bool:
    """A pure function of who asks, of which cube, and a seed."""
    if actor == ADMIN or not cube_id:
        return False
    return sha256(f"{actor} {cube_id} {seed}".encode()).digest()[0] < 100


class OfItsOwn:
    """A governor that has nothing of the header rules."""

    digest = bytes(16)

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.asked: list[tuple[Action, Resource]] = []

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        self.asked.append((action, resource))
        hidden = is_hidden(subject.actor, resource.cube_id, self.seed)
        return Decision(not hidden, "hidden" if hidden else "shown")


class OverTheHeaderRules(HeaderRules):
    """Whoever derives from the header rules inherits a filter that was not written for this."""

    def __init__(self, seed: int) -> None:
        super().__init__([ADMIN])
        self.own = OfItsOwn(seed)

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        decision = self.own.decide(subject, action, resource, context)
        return super().decide(subject, action, resource, context) if decision.allowed else decision


class WithAFilter(OfItsOwn):
    """Says at once that an administrator reads everything, and nothing of others."""

    decide = OfItsOwn.decide

    def filter(self, subject: Subject, action: Action, context: dict[str, str]) -> Filter | None:
        return Filter(every=True) if subject.actor == ADMIN else None


class OfHeadersOnly:
    """Hides what is sensitive, whatever its id."""

    digest = bytes(16)
    headers_only = True

    def __init__(self, seed: int) -> None:
        self.asked: list[tuple[Action, Resource]] = []

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        self.asked.append((action, resource))
        secret = resource.header is not None and resource.header.sensitivity == "secret"
        return Decision(not secret or subject.actor == ADMIN, "secret")


class AllowsAll:
    """Allows everything, and says nothing at once."""

    digest = bytes(16)

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        return Decision(True, "shown")


GOVERNORS: Mapping[str, Callable[[int], Governor]] = {
    "of its own": OfItsOwn,
    "over the header rules": OverTheHeaderRules,
    "with a filter": WithAFilter,
    "of headers only": OfHeadersOnly,
}


def word(label: str) -> str:
    """A word that only the memory of this label has."""
    return f"zq{label}x"


class Story:
    """A vault's content, told with or without some of its memories."""

    def __init__(self, memory: Memory, secret: Callable[[str], bool]) -> None:
        self.memory = memory
        self.ids: dict[str, str] = {}
        self._secret = secret

    def tell(self, shown: Callable[[str], bool]) -> None:
        """Write what is shown of it, always in the same order."""
        self._add(filter(shown, LABELS))
        self._say(list(filter(shown, TURNS)))
        self._change()

    def _add(self, labels: Iterable[str]) -> None:
        memory, ids = self.memory, self.ids
        for label in labels:
            number = LABELS.index(label)
            sources = {f"m{number // 2}", f"m{number // 3}"} - {label} if number else set()
            ids[label] = memory.add(
                f"{word(label)} pottery {'glass ' * (number % 3)}of Ana lives in town{number % 4}.",
                scope=f"{SCOPE}/{'deep' if number % 2 else 'flat'}",
                tags=["craft", f"tag{number % 3}", f"only-{label}"],
                source=f"web:blog/{number % 2}",
                metadata={"by": word(label)},
                derived_from=[ids[at] for at in sorted(sources) if at in ids],
            ).cube_id

    def _say(self, labels: Sequence[str]) -> None:
        turns = [
            {"id": at, "speaker": "Ana", "text": f"{word(at)} I like glass {at[1:]}?"}
            for at in labels
        ]
        told = self.memory.add_conversation(turns, scope=SCOPE, session="one")
        self.ids |= {label: receipt.cube_id for label, receipt in zip(labels, told, strict=True)}

    def _change(self) -> None:
        memory, ids = self.memory, self.ids
        for label, cube_id in ids.items():
            if self._secret(label):  # only now, for what is derived begins as strict as its sources
                memory.set_header(cube_id, sensitivity="secret")
        for label in [at for at in LABELS[::3] if at in ids]:
            memory.update(ids[label], f"{word(label)} pottery anew {label}")
            memory.tag(ids[label], "new")
        for label in [at for at in ("m7", "m10") if at in ids]:
            memory.archive(ids[label])
        if "m11" in ids:
            memory.erase(cube_id=ids["m11"])
        if "m6" in ids:
            memory.rollback(ids["m6"], to_version=1)

    def link(self, shown: Callable[[str], bool]) -> None:
        """Tie memories together, none that is shown to one that is not: the record of that would be
        shown.
        """
        for one, other in (("m1", "m4"), ("m2", "m9"), ("m5", "t2"), ("m8", "m4"), ("t1", "m9")):
            if one in self.ids and (shown(other) or not shown(one)):
                self.memory.link(self.ids[one], self.ids[other], "supersedes")


class Told:
    """An answer, with labels for ids and without what two vaults can never share."""

    LEFT_OUT = frozenset(
        {"position", "event_id", "operation_id", "created", "changed", "log_time", "time",
         "read_time", "valid_from", "uses", "last_used", "accesses", "bytes_on_disk", "vault_id",
         "verifier_key", "path"}
    )  # fmt: skip

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._labels = {cube_id: label for label, cube_id in ids.items()}

    def __call__(self, value: Any) -> Any:
        if is_dataclass(value) and not isinstance(value, type):
            value = {field.name: getattr(value, field.name) for field in fields(value)}
        if isinstance(value, Mapping):
            kept = {k: v for k, v in value.items() if k not in self.LEFT_OUT}
            return {self(k): self(v) for k, v in kept.items()}
        if isinstance(value, (list, tuple, Iterator)):
            return [self(item) for item in value]
        if isinstance(value, str):
            return re.sub(
                r"[0-9a-f]{8}-[0-9a-f-]{27}",
                lambda found: self._labels.get(found[0], "an id"),
                value,
            )
        return value


def answer(ask: Callable[[], Any], told: Told) -> Any:
    """What a call gives, or the error that it ends in."""
    try:
        return told(ask())
    except MemosError as error:
        return told(f"{type(error).__name__}: {error}")


def doors(
    memory: Memory, ids: Mapping[str, str], folder: Path
) -> dict[str, list[Callable[[], Any]]]:
    """For each door that shows rows, what is asked of it; `ids` are the memories asked about."""
    queries = ("pottery glass", "Where does Ana live?", "I like", *map(word, LABELS + TURNS))
    pottery = partial(memory.search, "pottery", scope="acme", k=50)
    some = [ids[label] for label in (*LABELS, *TURNS) if label in ids]

    def export_files() -> Any:
        report = memory.export(folder, scope="acme", passphrase="x")
        manifest = json.loads((folder / "manifest.json").read_text())
        names = ("events", "cubes", "tombstones", "accesses", "cuts", "complete")
        lines = (folder / "memories.jsonl").read_text().splitlines()
        memories = sorted((json.loads(line) for line in lines), key=lambda each: each["cube_id"])
        return report, {name: manifest[name] for name in names}, memories

    return {
        "search": [
            *(partial(memory.search, query, scope="acme", k=50) for query in queries),
            *(partial(pottery, recipe=recipe) for recipe in ("bm25", "lexical")),
            partial(pottery, as_of="2999-01-01"),
            partial(pottery, filter={"state": "Archived"}),
            partial(pottery, filter={"tags": "tag1"}),
        ],
        "context": [
            partial(memory.context, query, scope="acme", budget_tokens=900, count_tokens=len)
            for query in queries[:3]
        ],
        "route": [
            partial(memory.route, query, scope="acme", budget_tokens=400, count_tokens=len)
            for query in queries[:3]
        ],
        "tags": [
            partial(memory.tags, "acme"),
            partial(memory.tags, f"{SCOPE}/deep"),
            partial(memory.tags, "acme", as_of="2999-01-01"),
        ],
        "related": [partial(memory.related, at, k=50) for at in some],
        "get": [partial(memory.get, at, any_state=True) for at in some],
        "history": [partial(memory.history, at) for at in some],
        "diff": [partial(memory.diff, at, 1, 1) for at in some],
        "lineage": [
            *(partial(memory.lineage, at, depth=6) for at in some),
            *(partial(memory.lineage, at, direction="downstream", depth=2) for at in some),
        ],
        "events": [
            partial(memory.events, scope="acme"),
            partial(memory.events, source="web:blog"),
            partial(memory.events, actor=ADMIN),
            partial(memory.events, kind="RolledBack"),
            partial(memory.events, kind="EraseRequested"),
        ],
        "rollback": [
            partial(memory.rollback, source="web:blog/0", dry_run=True),
            partial(memory.rollback, actor=ADMIN, dry_run=True),
        ],
        "administrators": [partial(memory.administrators, "acme")],
        "sensitivities": [partial(memory.sensitivities, "acme")],
        "cuts": [memory.cuts],
        "stats": [memory.stats],
        "vocabulary": [partial(memory.vocabulary, SCOPE)],
        "embedding_lag": [memory.embedding_lag],
        "embed_pending": [memory.embed_pending],
        "export": [export_files],
        "extract_facts": [partial(memory.extract_facts, SCOPE, lambda text: [], name="none")],
        "prove": [partial(memory.prove, ABSENT)],
    }


def opened(path: Path, actor: str, governor: Governor | None = None) -> Memory:
    """A vault whose embedder answers no background call, so that what waits goes on waiting."""
    embedder = HashingEmbedder()
    embedder.broken = True
    memory = Memory(path, actor=actor, governor=governor, embedder=embedder)
    memory._session.embedding.close()  # type: ignore[union-attr]
    embedder.broken = False
    return memory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "vault", actor=ADMIN) as made:
        yield made


class Two(NamedTuple):
    """A vault of which some is hidden from eve, and one that never held that."""

    full: Story
    twin: Story
    hidden: Mapping[str, str]
    eve: Memory
    eve_of_twin: Memory

    def asked_of(self, story: Story) -> dict[str, str]:
        """The memories that eve may read, as a story has them."""
        return {label: at for label, at in story.ids.items() if label not in self.hidden}


def is_telling(ids: Mapping[str, str], operations: Collection[str], seed: int) -> bool:
    """Whether a seed hides some memories and not others, and none of the operations over several:
    those a vault without the memories has as well, under ids of its own.
    """
    hidden = [at for at in ids.values() if is_hidden("agent:eve", at, seed)]
    mixed = len(ids) / 4 < len(hidden) < len(ids) / 2
    return mixed and not any(is_hidden("agent:eve", at, seed) for at in operations)


@pytest.fixture(params=[(kind, seed) for kind in GOVERNORS for seed in (1, 2)], ids=str)
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Two]:
    kind, first = request.param
    secret = {label for n, label in enumerate(LABELS + TURNS) if (n + first) % 3 == 0}

    with ExitStack() as stack:

        def vault(name: str, actor: str, governor: Governor | None = None) -> Memory:
            return stack.enter_context(opened(tmp_path / name, actor, governor))

        full = Story(vault("full", ADMIN), secret.__contains__)
        full.tell(lambda label: True)
        operations = {entry.cube_id for entry in full.memory.events()} - {*full.ids.values()}
        seed = next(n for n in count(1000 * first) if is_telling(full.ids, operations, n))
        governor = GOVERNORS[kind](seed)
        hidden = {
            label: at
            for label, at in full.ids.items()
            if (label in secret if kind == "of headers only" else is_hidden("agent:eve", at, seed))
        }

        def is_shown(label: str) -> bool:
            return label not in hidden

        full.link(is_shown)
        twin = Story(vault("twin", ADMIN), secret.__contains__)
        twin.tell(is_shown)
        twin.link(is_shown)
        yield Two(
            full,
            twin,
            hidden,
            vault("full", "agent:eve", governor),
            vault("twin", "agent:eve", AllowsAll()),
        )


def test_every_door_gives_what_a_vault_without_the_hidden_memories_gives(
    two: Two, tmp_path: Path
) -> None:
    given = doors(two.eve, two.asked_of(two.full), tmp_path / "part")
    expected = doors(two.eve_of_twin, two.asked_of(two.twin), tmp_path / "twin-part")
    for door, asks in given.items():
        for number, (ask, ask_twin) in enumerate(zip(asks, expected[door], strict=True)):
            got = answer(ask, Told(two.full.ids))
            assert got == answer(ask_twin, Told(two.twin.ids)), (door, number)


def test_no_door_is_forgotten(memory: Memory, tmp_path: Path) -> None:
    public = {name for name, _ in inspect.getmembers(Memory) if not name.startswith("_")}
    known = doors(memory, {}, tmp_path / "part").keys()
    assert not known & WRITES.keys() | known & WHOLE.keys() | WRITES.keys() & WHOLE.keys()
    assert known | WRITES.keys() | WHOLE.keys() == public - NO_CALL.keys()


def test_doors_of_the_whole_vault_name_nothing_that_is_hidden(two: Two) -> None:
    eve, (first, *_) = two.eve, two.full.memory.events()
    given: dict[str, Callable[[], Any]] = {
        "audit": eve.audit,
        "checkpoint": eve.checkpoint,
        "digest": eve.digest,
        "prove_consistency": lambda: eve.prove_consistency(1),
        "usage_digest": eve.usage_digest,
        "verify": eve.verify,
        "wait_for": lambda: eve.wait_for(first.position),
    }
    assert given.keys() == WHOLE.keys()
    for door, ask in given.items():
        got = str(ask())
        assert not [at for at in two.hidden.values() if at in got], door


def test_a_hidden_memory_is_told_of_by_its_id_alone(two: Two) -> None:
    eve = two.eve
    by_id: list[Callable[[str], object]] = [
        eve.get,
        eve.history,
        eve.lineage,
        eve.related,
        lambda at: eve.diff(at, 1, 1),
        lambda at: eve.update(at, "mine"),
        lambda at: eve.rollback(at, to_version=1),
        lambda at: eve.erase(cube_id=at),
        lambda at: eve.add("x", scope=SCOPE, derived_from=[at]),
    ]
    for hidden in two.hidden.values():
        for ask in by_id:
            with pytest.raises(Denied) as refused:
                ask(hidden)
            assert not [at for at in two.full.ids.values() if at in str(refused.value)][1:]
        assert list(eve.events(cube_id=hidden)) == []
        entry = next(iter(two.full.memory.events(cube_id=hidden)))
        for event_id in (entry.event_id, ABSENT):
            with pytest.raises(NotFound, match=f"there is no event {event_id} in this log"):
                eve.prove(event_id)


def test_a_command_that_reaches_hidden_memories_names_none(two: Two) -> None:
    full, eve = two.full, two.eve
    reaching: list[Callable[[], object]] = [
        lambda: eve.rollback(source="web:blog"),
        lambda: eve.rollback(actor=ADMIN),
        lambda: eve.erase(scope="acme"),
        lambda: eve.export(Path(eve.path).parent / "whole"),
    ]
    before = full.memory.digest()
    for ask in reaching:
        with pytest.raises(Denied) as refused:
            ask()
        assert not [at for at in two.hidden.values() if at in str(refused.value)]
    assert full.memory.digest() == before


def test_a_governor_is_asked_once_about_a_cube_in_a_read(memory: Memory) -> None:
    for number in range(20):
        memory.add(f"pottery {number}", scope=SCOPE, tags=["craft"], source="web:blog")
    governor = OfItsOwn(0)
    memory._session.gate.governor = governor
    (hit, *_) = memory.search("pottery", scope=SCOPE)
    assert len(governor.asked) == len(set(governor.asked)) == 20 + 1  # and once about the scope
    for read in (
        lambda: memory.related(hit.cube_id),
        lambda: memory.route("pottery", scope=SCOPE),
        lambda: memory.context("pottery", scope=SCOPE),
        lambda: memory.tags(SCOPE),
        lambda: list(memory.events()),
        memory.stats,
    ):
        governor.asked.clear()
        read()
        assert len(governor.asked) == len(set(governor.asked)) > 19


def test_a_governor_of_headers_is_asked_once_about_cubes_that_are_alike(memory: Memory) -> None:
    for number in range(20):
        memory.add(f"pottery {number}", scope=SCOPE, sensitivity="secret" if number % 2 else None)
    governor = OfHeadersOnly(0)
    with Memory(memory.path, actor="agent:eve", governor=governor) as eve:
        assert len(eve.search("pottery", scope=SCOPE, k=50)) == 10
    assert len(governor.asked) == 3  # the scope, and two headers


def test_what_a_governor_permits_at_once_it_is_not_asked_about(memory: Memory) -> None:
    for number in range(20):
        memory.add(f"pottery {number}", scope=SCOPE, readers=[ADMIN] if number % 2 else ())
    rules = WithAFilter(0)
    memory._session.gate.governor = rules
    assert len(memory.search("pottery", scope=SCOPE, k=50)) == 20
    assert len(rules.asked) == 1  # the scope


def test_a_governor_widens_no_narrowing(tmp_path: Path) -> None:
    with Memory(tmp_path / "vault", actor=ADMIN) as memory:
        theirs = memory.add("theirs", scope="rival/a").cube_id
    with Memory(tmp_path / "vault", actor="agent:eve", tenant="acme", governor=AllowsAll()) as eve:
        with pytest.raises(NotFound):
            eve.get(theirs)
        with pytest.raises(Denied, match="tenant-boundary"):
            eve.search("theirs", scope="rival")
        assert list(eve.events()) == []
