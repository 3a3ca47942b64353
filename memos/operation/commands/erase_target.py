"""What an erase is asked for, and which memories that are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import EVERY_STATE, NO_MEMORY, CubeState, Lifecycle
from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.kernel.keyed_digest import SUBJECT
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.commands.chosen import chosen
from memos.operation.commands.destroy import carries
from memos.operation.gate import Passage
from memos.operation.search.selection import Selection
from memos.operation.session import Session, live_state
from memos.operation.validation import check_id, check_name


class SeesHeads(Protocol):
    """Who sees the cubes that an erase is about: a transaction, or who plans one."""

    def heads(self, cube_ids: Iterable[bytes]) -> list[CubeState]: ...

    def reader(self) -> Reader: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseTarget:
    """What is to be erased: all about a subject, all in a scope as far as a filter fits, or cubes.

    Attributes:
        chosen: the memories, where they are named by ids or a filter.

    Raises:
        InvalidInput: it is not exactly one of them, or it does not fit.
    """

    subject: str | None = None
    scope: str | None = None
    cube_id: str | None = None
    cube_ids: Iterable[str] | None = None
    filter: Mapping[str, Any] | None = None
    chosen: Selection | None = field(init=False, default=None, compare=False)

    def __post_init__(self) -> None:
        ways = (self.subject, self.scope, self.cube_id, self.cube_ids)
        if sum(given is not None for given in ways) != 1:
            raise InvalidInput("say what to erase: one of subject=, scope=, cube_id=, cube_ids=")
        if self.subject is not None:
            object.__setattr__(self, "subject", check_name(self.subject, "subject"))
            if self.filter is not None:
                raise InvalidInput("a filter is for the memories of a scope: pass scope=")
        elif self.cube_id is not None:
            check_id(self.cube_id)
        elif self.scope is not None and self.filter is None:
            object.__setattr__(self, "scope", check_scope(self.scope))
        if self.cube_ids is None and self.filter is None:
            return
        selection = Selection(cube_ids=self.cube_ids, scope=self.scope, filter=self.filter)
        object.__setattr__(self, "chosen", selection)

    @property
    def not_compared(self) -> tuple[str, ...]:
        """What the filter passed over."""
        return () if self.chosen is None else self.chosen.accepts.not_compared

    @property
    def whole_scope(self) -> str:
        """The scope of which nothing stays; empty where that is not so of any."""
        return self.scope if self.scope is not None and self.filter is None else ""


def nothing_matches(target: EraseTarget) -> NotFound:
    """The error of an erase for which there is nothing."""
    if target.chosen is not None:
        return NotFound(f"nothing to erase: no memory matches {target.chosen}")
    named = target.cube_id or target.scope or target.subject
    return NotFound(f"nothing to erase: no memory matches {shorten(named)}")


def matching(
    session: Session, passage: Passage, reader: Reader, target: EraseTarget
) -> tuple[list[bytes], set[bytes]]:
    """The cubes that are to be erased, and the digests of the subject where one was named."""
    if target.cube_id is not None:
        raw = check_id(target.cube_id)
        state = live_state(passage, reader, raw)
        passage.require(Action.READ, state.scope, state)
        return [raw], set()
    if target.chosen is not None:
        found = chosen(passage, reader, target.chosen, EVERY_STATE)
        tenants = sorted({tenant_of(one.state.scope) for one in found})
        if len(tenants) > 1:
            raise InvalidInput(
                f"these memories are of several tenants ({', '.join(tenants)}): erase those of each apart"
            )
        return [one.state.cube_id for one in found], set()
    if target.scope is not None:
        passage.require(Action.READ, target.scope)
        return reader.vault.cubes_in_scope(target.scope), set()
    subject = target.subject or ""
    tenant = _tenant_of_subject(session, passage, reader, target, subject)
    digests = set(session.digests.lookups(tenant, SUBJECT, subject))
    return list(of_subjects(reader, digests)), digests


def _tenant_of_subject(
    session: Session, passage: Passage, reader: Reader, target: EraseTarget, subject: str
) -> str:
    """The one tenant that knows this subject, as far as the caller may know that it does.

    Raises:
        Denied: the caller's key reaches a part of the tenant only, and must not learn whether the
            subject is known in the rest of it.
    """
    if passage.is_bounded:
        passage.require(Action.READ, passage.tenant, how="all about a subject of the tenant")

    def knows(tenant: str) -> bool:
        digests = session.digests.lookups(tenant, SUBJECT, subject)
        found = list(of_subjects(reader, digests))
        states = _memories(reader.vault.heads_many(found).values())
        return any(passage.allows(Action.READ, state) for state in states)

    tenants = [tenant for tenant in session.tenants() if knows(tenant)]
    if len(tenants) > 1:
        raise InvalidInput(
            f"the subject {subject!r} is known to several tenants ({', '.join(tenants)}): open the "
            "vault with tenant=, a subject belongs to one"
        )
    if not tenants:
        raise nothing_matches(target)
    return tenants[0]


def of_subjects(reader: Reader, digests: Iterable[bytes]) -> Iterator[bytes]:
    """The cubes of subjects, in id order."""
    wanted = sorted(set(digests))
    found = reader.vault.cubes_of_subjects(wanted)
    heads = reader.vault.heads_many(found)
    for cube_id in found:
        if cube_id in heads and carries(heads[cube_id], wanted):
            yield cube_id


def erasable(transaction: SeesHeads, cube_ids: Iterable[bytes]) -> list[CubeState]:
    """Of some cubes those that are memories and not erased."""
    return list(_memories(transaction.heads(cube_ids)))


def _memories(heads: Iterable[CubeState]) -> Iterator[CubeState]:
    """Of some heads those of memories that are not erased."""
    for state in heads:
        if state.form not in NO_MEMORY and state.lifecycle is not Lifecycle.ERASED:
            yield state
