"""The part of the Memory API that changes memories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Kind
from memos.kernel.lineage import Relation
from memos.kernel.scope import tenant_of
from memos.operation import validation as validate
from memos.operation.commands.change import (
    change,
    change_header,
    move,
    sources_of,
    writable,
)
from memos.operation.commands.composition import join_texts, merge_texts
from memos.operation.commands.draft import (
    add_sources,
    fill_body,
    new_event,
)
from memos.operation.commands.tags import check_tags
from memos.operation.cube import Parts
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.session import Session
from memos.operation.validation import Time
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event, Revised

RELATIONS = {relation.name.lower(): relation for relation in Relation}

_MODES = {
    "overwrite": Revised.MODE_OVERWRITE,
    "append": Revised.MODE_APPEND,
    "merge": Revised.MODE_MERGE,
}
_PROVENANCE = {"source", "origin", "semantic_type"}
_UPDATE_FIELDS = frozenset(
    {"text", "tags", "metadata", "valid_from", "valid_until", "reason", *_PROVENANCE}
)


def retag(
    session: Session,
    cube_id: str,
    added: Sequence[str],
    removed: Sequence[str],
    expected_version: int | None,
) -> Receipt:
    """Give a cube its tags, less those removed and with those added."""
    wanted = validate.check_names(added, "tags")
    unwanted = frozenset(validate.check_names(removed, "tags"))
    if not wanted and not unwanted:
        raise InvalidInput("name at least one tag")

    def build(state: CubeState, parts: Parts | None, event: Event, body: Body) -> None:
        check_tags(session, state.scope, wanted)
        before = parts.tag_list if parts is not None else ()
        kept = [tag for tag in dict.fromkeys((*before, *wanted)) if tag not in unwanted]
        event.parts = fill_body(body, {"tags": kept})

    return change(
        session,
        cube_id,
        Kind.TAGGED,
        build,
        operation="tag",
        composed=True,
        expected_version=expected_version,
    )


class Writing:
    """Commands that change cubes. Each returns a receipt, or raises and changes nothing."""

    _session: Session

    def update(
        self,
        cube_id: str,
        text: str | None = None,
        *,
        mode: str = "overwrite",
        expected_version: int | None = None,
        source: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        origin: str | None = None,
        semantic_type: str | None = None,
        valid_from: Time | None = None,
        valid_until: Time | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Give a memory a new version; what is not passed stays as it is.

        Args:
            cube_id: the memory.
            text: the new text, or what is added to the old one.
            mode: `overwrite`, `append` (a new line) or `merge` (only lines that are new).
            expected_version: refuse unless the cube is at this version.
            source: where the change came from.
            tags: replace the tags.
            metadata: replace the metadata.
            origin: replace the origin signature.
            semantic_type: replace the semantic type.
            valid_from: when the new content became true in the world.
            valid_until: when it stopped being true.
            reason: why, sealed with the content.
            idempotency_key: a retry with the same key has one effect and the same receipt.

        Raises:
            Conflict: the cube has moved on; `current_version` says where to.
            NotFound, Denied, Held, IllegalMove: as their names say.
        """
        if mode not in _MODES:
            raise InvalidInput(f"mode={mode!r} is not known: choose {', '.join(_MODES)}")
        given = {
            name: value
            for name, value in locals().items()
            if name in _UPDATE_FIELDS and value is not None
        }
        if not given.keys() - {"reason"}:
            raise InvalidInput("update changes nothing: pass a text, or what else is to change")
        if text is not None:
            validate.check_text(text)
        if tags is not None:
            given["tags"] = validate.check_names(tags, "tags")
        if mode != "overwrite" and text is None:
            raise InvalidInput(f"mode={mode!r} needs a text")

        def build(state: CubeState, parts: Parts | None, event: Event, body: Body) -> None:
            check_tags(self._session, state.scope, given.get("tags", ()))
            fields = dict(given)
            if mode != "overwrite":
                assert parts is not None  # noqa: S101 - composing opened them
                joined = join_texts if mode == "append" else merge_texts
                fields["text"] = joined(parts.text, str(text))
            if parts is not None and _PROVENANCE & given.keys():
                kept = parts.provenance.provenance
                fields.setdefault("source", kept.source)
                fields.setdefault("origin", kept.origin)
                fields.setdefault("semantic_type", kept.semantic_type)
            event.parts = fill_body(body, fields)
            event.revised.mode = _MODES[mode]
            if source:
                tenant = tenant_of(state.scope)
                event.source_digests.extend(self._session.source_digests(tenant, source))

        return change(
            self._session,
            cube_id,
            Kind.REVISED,
            build,
            operation="update",
            composed=mode != "overwrite",
            reads=bool(_PROVENANCE & given.keys()),
            expected_version=expected_version,
            key=idempotency_key,
            command={"mode": mode, **given},
        )

    def tag(self, cube_id: str, *tags: str, expected_version: int | None = None) -> Receipt:
        """Add tags to a memory."""
        return retag(self._session, cube_id, tags, (), expected_version)

    def untag(self, cube_id: str, *tags: str, expected_version: int | None = None) -> Receipt:
        """Remove tags from a memory."""
        return retag(self._session, cube_id, (), tags, expected_version)

    def link(self, cube_id: str, other_id: str, relation: str = "derived_from") -> Receipt:
        """Say what a memory is to another one: `cube_id` is the later end of the edge.

        Args:
            cube_id: what was derived, quoted, superseded with, ...
            other_id: the earlier memory.
            relation: derived_from, quoted_from, supersedes, same_text_as, ...
        """
        if relation not in RELATIONS:
            raise InvalidInput(f"relation {relation!r} is not known: {', '.join(RELATIONS)}")
        session = self._session
        state = writable(session, cube_id, "link")
        sources, subjects = sources_of(session, (other_id,), RELATIONS[relation], state.scope)
        if sources[0].cube_id == state.cube_id:
            raise InvalidInput("a memory cannot be linked to itself")
        event = new_event(session, Kind.LINKED, state.cube_id, state.scope)
        add_sources(event, sources)
        event.subject_digests.extend(subjects)
        (committed,) = session.engine.writer.commit([Draft(event)])
        return receipt_of(session.engine, committed)

    def archive(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Put a memory out of sight of searches; its history stays."""
        return move(self._session, cube_id, Kind.ARCHIVED, Action.WRITE, expected_version)

    def restore(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Bring an archived or expired memory back, as Activated."""
        return move(self._session, cube_id, Kind.RESTORED, Action.WRITE, expected_version)

    def freeze(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Put a memory under a legal hold: no change, no expiry and no erase until `thaw`."""
        return move(self._session, cube_id, Kind.FROZEN, Action.ADMINISTER, expected_version)

    def thaw(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """End a hold; the memory goes back to where it was."""
        return move(self._session, cube_id, Kind.THAWED, Action.ADMINISTER, expected_version)

    def set_header(
        self,
        cube_id: str,
        *,
        owner: str | None = None,
        readers: Iterable[str] | None = None,
        writers: Iterable[str] | None = None,
        priority: int | None = None,
        sensitivity: str | None = None,
        purpose: str | None = None,
        expected_version: int | None = None,
    ) -> Receipt:
        """Change who may do what with a memory; what is not passed stays as it is."""
        changes: dict[str, Any] = {}
        if owner is not None:
            changes["owner"] = validate.check_name(owner, "owner")
        if readers is not None:
            changes["readers"] = validate.check_names(readers, "readers")
        if writers is not None:
            changes["writers"] = validate.check_names(writers, "writers")
        if priority is not None:
            changes["priority"] = validate.check_priority(priority)
        if sensitivity is not None:
            changes["sensitivity"] = validate.check_name(sensitivity, "sensitivity", empty=True)
        if purpose is not None:
            changes["purpose"] = validate.check_name(purpose, "purpose", empty=True)
        if not changes:
            raise InvalidInput("set_header changes nothing: pass owner, readers, writers, ...")
        return change_header(self._session, cube_id, changes, expected_version)

    def set_lifespan(
        self,
        cube_id: str,
        after: str | None = None,
        *,
        renewed_by_access: bool = False,
        then: str = "archive",
        half_life: str | None = None,
        expected_version: int | None = None,
    ) -> Receipt:
        """Give a memory a time to live.

        Args:
            cube_id: the memory.
            after: a duration from now, such as `90d`; None for no end.
            renewed_by_access: count from the last use instead.
            then: what happens at the end: archive, expire or erase.
            half_life: after which its rank in a search is halved.
            expected_version: refuse unless the cube is at this version.
        """
        lifespan = validate.check_lifespan(
            after,
            self._session.clock(),
            renewed_by_access=renewed_by_access,
            then=then,
            half_life=half_life,
        )
        wanted = lifespan if lifespan.after or lifespan.half_life else None
        return change_header(self._session, cube_id, {"lifespan": wanted}, expected_version)
