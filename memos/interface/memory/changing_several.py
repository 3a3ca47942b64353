"""Calls that change several memories, all or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from memos.interface.memory.door import Door
from memos.operation.validation import (
    Time,
)

if TYPE_CHECKING:
    from memos.operation.commands.batch import Batch


class ChangingSeveralCalls(Door):
    """Calls that change several memories, all or none. See `Memory`."""

    def update_many(
        self,
        cube_ids: Iterable[str] | Mapping[str, str] | Iterable[Mapping[str, Any]] | None = None,
        text: str | None = None,
        *,
        scope: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        mode: str = "overwrite",
        source: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        replace_metadata: bool = False,
        origin: str | None = None,
        semantic_type: str | None = None,
        valid_from: Time | None = None,
        valid_until: Time | None = None,
        reason: str | None = None,
        dry_run: bool = False,
    ) -> Batch:
        """Give several memories a new version, by the same change or each by its own; see `update` for
        what is changed.

        Embedded, all of them or none; on servers too, unless another writer comes between: then
        `PartlyDone` says exactly which are done. All are one operation, and
        `rollback(operation=batch.operation_id)` takes it back.

        Args:
            cube_ids: the memories, in any state; where each has a change of its own, a mapping of their
                ids to texts, or mappings of `cube_id` (or `id`) and of what is changed, such as
                `{"cube_id": ..., "text": ...}`: what one does not say is as the other arguments do; or
            text: the new text, or with `mode` what is added to each.
            scope: those in and under this scope that are in sight,
            filter: as far as this fits them; one that speaks of `state` also finds those out of sight.
            mode: `overwrite`, `append` or `merge`.
            source: where the change came from.
            tags: replace the tags.
            metadata: keys to set; a key whose value is None is taken away.
            replace_metadata: make the metadata all that there is.
            origin: replace the origin signature.
            semantic_type: replace the semantic type.
            valid_from: when the new content became true in the world.
            valid_until: when it stopped being true.
            reason: why, sealed with the content.
            dry_run: only plan: `memories`, each with how its text begins, and in `rejected` those that
                refuse.

        Raises:
            InvalidInput: an argument does not fit; of changes of their own the message says which.
            NotFound: none matches, or one that is named is not there.
            Denied, Held, IllegalMove: one may not be changed, or refuses; nothing was changed.
            PartlyDone: on servers, as above.
        """
        from memos.operation.commands.own_revisions import revisions_of
        from memos.operation.commands.update import update_several
        from memos.operation.search.selection import Selection

        shared = {
            "text": text,
            "mode": mode,
            "source": source,
            "tags": tags,
            "metadata": metadata,
            "replace_metadata": replace_metadata,
            "origin": origin,
            "semantic_type": semantic_type,
            "valid_from": valid_from,
            "valid_until": valid_until,
            "reason": reason,
        }
        named, revision_of = revisions_of(cube_ids, shared)
        selection = Selection(cube_ids=named, scope=scope, filter=filter)
        return update_several(self._session, selection, revision_of, dry_run=dry_run)

    def tag_many(
        self,
        tags: Iterable[str],
        cube_ids: Iterable[str] | None = None,
        *,
        scope: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        dry_run: bool = False,
    ) -> Batch:
        """Add tags to several memories: chosen, planned and done as in `update_many`. Those that have
        them already are left, and counted in `unchanged`.
        """
        from memos.operation.commands.tags import Retagging, retag_several
        from memos.operation.search.selection import Selection

        selection = Selection(cube_ids=cube_ids, scope=scope, filter=filter)
        return retag_several(self._session, selection, Retagging(added=tags), dry_run=dry_run)

    def untag_many(
        self,
        tags: Iterable[str],
        cube_ids: Iterable[str] | None = None,
        *,
        scope: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        dry_run: bool = False,
    ) -> Batch:
        """Remove tags from several memories: chosen, planned and done as in `update_many`. Those that
        have none of them are left, and counted in `unchanged`.
        """
        from memos.operation.commands.tags import Retagging, retag_several
        from memos.operation.search.selection import Selection

        selection = Selection(cube_ids=cube_ids, scope=scope, filter=filter)
        return retag_several(self._session, selection, Retagging(removed=tags), dry_run=dry_run)

    def archive_many(
        self,
        cube_ids: Iterable[str] | None = None,
        *,
        scope: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        dry_run: bool = False,
    ) -> Batch:
        """Put several memories out of sight: chosen, planned and done as in `update_many`. One that
        cannot be read is archived, too, for it takes no key to do so; tags stand in the sealed body, and
        to change those does.
        """
        from memos.operation.commands.lifecycle import archive_several
        from memos.operation.search.selection import Selection

        selection = Selection(cube_ids=cube_ids, scope=scope, filter=filter)
        return archive_several(self._session, selection, dry_run=dry_run)

    def restore_many(
        self,
        cube_ids: Iterable[str] | None = None,
        *,
        scope: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        dry_run: bool = False,
    ) -> Batch:
        """Bring several memories back, as Activated: planned and done as in `update_many`; of a scope
        those that are archived or expired.
        """
        from memos.operation.commands.lifecycle import restore_several
        from memos.operation.search.selection import Selection

        selection = Selection(cube_ids=cube_ids, scope=scope, filter=filter)
        return restore_several(self._session, selection, dry_run=dry_run)
