"""Calls that change one memory: its content, its links, its header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from memos.interface.memory.door import Door
from memos.operation.validation import Time

if TYPE_CHECKING:
    from memos.operation.receipt import Receipt


class ChangingCalls(Door):
    """Calls that change one memory: its content, its links, its header. See `Memory`."""

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
        replace_metadata: bool = False,
        origin: str | None = None,
        semantic_type: str | None = None,
        valid_from: Time | None = None,
        valid_until: Time | None = None,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Give a memory a new version; what is not passed stays as it is, field by field.

        An empty text takes away a source, an origin, a semantic type or a bound of the valid time.
        What is kept is that of the version that the update comes upon: no other writer's is lost.

        Args:
            cube_id: the memory.
            text: the new text, or what is added to the old one. It has the media type of the old one,
                and is a plain one where that was no text.
            mode: `overwrite`, `append` (a new line) or `merge` (only lines that are new).
            expected_version: refuse unless the cube is at this version.
            source: where the change came from.
            tags: replace the tags.
            metadata: keys to set; a key whose value is None is taken away, and a key that is not
                named stays. Keys are those of the outermost object.
            replace_metadata: make the metadata all that there is.
            origin: replace the origin signature.
            semantic_type: replace the semantic type.
            valid_from: when the new content became true in the world.
            valid_until: when it stopped being true.
            reason: why, sealed with the content.
            idempotency_key: a retry with the same key has one effect and the same receipt.

        Raises:
            Conflict: the cube has moved on; `current_version` says where to.
            IllegalMove: the cube is in no state for it, or holds no text to add to.
            NotFound, Denied, Held, OtherContent: as their names say.
            AlreadyErased: what the key changed was erased since.
        """
        from memos.operation.commands.update import Revision, update

        revision = Revision(
            text=text,
            mode=mode,
            source=source,
            tags=tags,
            metadata=metadata,
            replace_metadata=replace_metadata,
            origin=origin,
            semantic_type=semantic_type,
            valid_from=valid_from,
            valid_until=valid_until,
            reason=reason,
        )
        return update(
            self._session,
            cube_id,
            revision,
            expected_version=expected_version,
            idempotency_key=idempotency_key,
        )

    def tag(self, cube_id: str, *tags: str, expected_version: int | None = None) -> Receipt:
        """Add tags to a memory; where it has them already nothing is written, and the receipt has no
        `event_id`.
        """
        from memos.operation.commands.tags import Retagging, retag

        return retag(self._session, cube_id, Retagging(added=tags), expected_version)

    def untag(self, cube_id: str, *tags: str, expected_version: int | None = None) -> Receipt:
        """Remove tags from a memory; where it has none of them nothing is written, as in `tag`."""
        from memos.operation.commands.tags import Retagging, retag

        return retag(self._session, cube_id, Retagging(removed=tags), expected_version)

    def link(self, cube_id: str, other_id: str, relation: str = "derived_from") -> Receipt:
        """Say what a memory is to another one: `cube_id` is the later end of the edge.

        Args:
            cube_id: what was derived, quoted, superseded with, ...
            other_id: the earlier memory.
            relation: derived_from, quoted_from, supersedes, same_text_as, linked, ...
        """
        from memos.operation.commands.lineage import link

        return link(self._session, cube_id, other_id, relation)

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
        from memos.operation.commands.header import set_header
        from memos.operation.commands.header_facts import HeaderFacts

        facts = HeaderFacts(
            owner=owner,
            readers=readers,
            writers=writers,
            priority=priority,
            sensitivity=sensitivity,
            purpose=purpose,
        )
        return set_header(self._session, cube_id, facts, expected_version)

    def set_lifespan(
        self,
        cube_id: str,
        after: str | None = None,
        *,
        renewed_by_access: bool | None = None,
        then: str | None = None,
        half_life: str | None = None,
        expected_version: int | None = None,
    ) -> Receipt:
        """Give a memory a time to live; what is not passed stays as it is, and an empty text takes away
        the end or the half-life. With nothing passed, the memory has no lifespan any more.

        Args:
            cube_id: the memory.
            after: when it ends: a duration from now, such as `90d`.
            renewed_by_access: count from the last use instead; at first not.
            then: what happens at the end: archive (at first), expire or erase.
            half_life: after which its rank in a search is halved.
            expected_version: refuse unless the cube is at this version.

        Raises:
            InvalidInput: a value does not fit, or says how a memory ends that has no end.
        """
        from memos.operation.commands.header import set_lifespan
        from memos.operation.commands.header_facts import LifespanChange

        change = LifespanChange(
            after=after, renewed_by_access=renewed_by_access, then=then, half_life=half_life
        )
        return set_lifespan(self._session, cube_id, change, expected_version)
