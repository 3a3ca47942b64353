"""Governors that hide, a story that is told with or without what they hide, and every door on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from memos import MemCube, Memory, MemosError
from memos.infrastructure.governance.decision import (
    Action,
    Decision,
    Filter,
    Governor,
    HeaderRules,
    Resource,
    Subject,
)
from tests.interface.odd import Echo

ADMIN, EVE, SCOPE = "agent:admin", "agent:eve", "acme/alice"
ABSENT = "00000000-0000-7000-8000-000000000000"
LABELS = [f"m{number}" for number in range(12)]
TURNS = [f"t{number}" for number in range(6)]


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

    def __init__(
        self,
        memory: Memory,
        secret: Callable[[str], bool],
        scope_of: Callable[[str], str] = lambda label: SCOPE,
    ) -> None:
        self.memory = memory
        self.ids: dict[str, str] = {}
        self._secret = secret
        self._scope_of = scope_of

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
                scope=f"{self._scope_of(label)}/{'deep' if number % 2 else 'flat'}",
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
         "verifier_key", "path", "digest"}
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


def pages(memory: Memory, **asked: Any) -> list[list[MemCube]]:
    """All pages of a list."""
    made = [memory.list(**asked)]
    while made[-1].cursor is not None:
        made.append(memory.list(cursor=made[-1].cursor, **asked))
    return [*made]


def quoted(memory: Memory, query: str, within: str) -> list[Any]:
    """The blocks of a turn without what they know a memory by: its label, and the state."""
    session = memory.context_session(scope=within, budget_tokens=900, count_tokens=len)
    turn = session.turn(query)
    texts = [re.sub(r"\[[0-9a-f-]+\]", "[]", block.text) for block in (turn.pinned, turn.delta)]
    return [*texts, turn.changed, turn.delta.left_out]


def prompted(memory: Memory, query: str, within: str) -> list[Any]:
    """What a model reads of memories, without their labels."""
    asked = [{"role": "user", "content": query}]
    answer = memory.chat(asked, scope=within, model=Echo(), budget_tokens=900, count_tokens=len)
    return [re.sub(r"\[[0-9a-f-]+\]", "[]", answer.text), len(answer.citations)]


def doors(
    memory: Memory, ids: Mapping[str, str], folder: Path, within: str = "acme"
) -> dict[str, list[Callable[[], Any]]]:
    """For each door that shows rows, what is asked of it; `ids` are the memories asked about, all of
    them `within` a scope."""
    queries = ("pottery glass", "Where does Ana live?", "I like", *map(word, LABELS + TURNS))
    pottery = partial(memory.search, "pottery", scope=within, k=50)
    some = [ids[label] for label in (*LABELS, *TURNS) if label in ids]

    def export_files() -> Any:
        report = memory.export(folder, scope=within, passphrase="x")
        manifest = json.loads((folder / "manifest.json").read_text())
        names = ("events", "cubes", "tombstones", "accesses", "cuts", "complete")
        lines = (folder / "memories.jsonl").read_text().splitlines()
        memories = sorted((json.loads(line) for line in lines), key=lambda each: each["cube_id"])
        return report, {name: manifest[name] for name in names}, memories

    return {
        "search": [
            *(partial(memory.search, query, scope=within, k=50) for query in queries),
            *(partial(pottery, recipe=recipe) for recipe in ("bm25", "lexical")),
            partial(pottery, as_of="2999-01-01"),
            partial(pottery, filter={"state": "Archived"}),
            partial(pottery, filter={"tags": "tag1"}),
        ],
        "list": [
            partial(pages, memory, scope=within, limit=3),
            partial(
                pages, memory, scope=[f"{SCOPE}/deep", f"{SCOPE}/flat"], limit=2, order="changed"
            ),
            partial(pages, memory, limit=50, order="oldest", as_of="2999-01-01"),
            partial(
                pages, memory, limit=1, filter={"tags": "tag1"}, state=["Archived", "Generated"]
            ),
        ],
        "count": [
            memory.count,
            partial(memory.count, scope=f"{SCOPE}/deep", as_of="2999-01-01"),
            partial(memory.count, filter={"tags": "craft"}),
        ],
        "scopes": [memory.scopes, partial(memory.scopes, SCOPE, as_of="2999-01-01")],
        "subjects": [
            memory.subjects,
            lambda: memory.subjects(within, as_of="2999-01-01").unnamed,
        ],
        "accesses": [
            partial(memory.accesses, actor=EVE, limit=10_000),
            *(partial(memory.accesses, cube_id=at, actor=EVE) for at in some),
        ],
        "denials": [partial(memory.denials, actor=EVE, scope=within, limit=10_000)],
        "context": [
            partial(memory.context, query, scope=within, budget_tokens=900, count_tokens=len)
            for query in queries[:3]
        ],
        "context_session": [partial(quoted, memory, query, within) for query in queries[:3]],
        "chat": [partial(prompted, memory, query, within) for query in queries[:3]],
        "route": [
            partial(memory.route, query, scope=within, budget_tokens=400, count_tokens=len)
            for query in queries[:3]
        ],
        "tags": [
            partial(memory.tags, within),
            partial(memory.tags, f"{SCOPE}/deep"),
            partial(memory.tags, within, as_of="2999-01-01"),
        ],
        "related": [partial(memory.related, at, k=50) for at in some],
        "get": [partial(memory.get, at, any_state=True) for at in some],
        "find_id": [partial(memory.find_id, at) for at in some],
        "history": [partial(memory.history, at) for at in some],
        "diff": [partial(memory.diff, at, 1, 1) for at in some],
        "lineage": [
            *(partial(memory.lineage, at, depth=6) for at in some),
            *(partial(memory.lineage, at, direction="downstream", depth=2) for at in some),
        ],
        "events": [
            partial(memory.events, scope=within),
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
