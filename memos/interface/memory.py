"""Memory: the whole of what a caller of a vault needs, each call thin onto operation."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, get_args, overload

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import Mode, Wait, open_engine
from memos.infrastructure.progress import Progress, no_progress
from memos.interface.actor import DEFAULT_ACTOR
from memos.interface.plain_arguments import takes_plain_arguments
from memos.interface.told import told_when_cut_off
from memos.kernel.errors import InvalidInput
from memos.operation.reads.quote import CountTokens, estimate_tokens
from memos.operation.session import Session
from memos.operation.validation import (
    Time,
    check_callable,
    check_choice,
    check_clock,
    check_count,
    check_duration,
    check_flag,
    check_governor,
    check_lifespan,
    check_name,
    check_path,
    check_paths,
    check_tenant,
    check_time,
)

if TYPE_CHECKING:
    from memos.infrastructure.governance.decision import Governor
    from memos.infrastructure.index.models.embedders import Embedder
    from memos.infrastructure.index.models.rerankers import Reranker
    from memos.infrastructure.log.ancestry import Ancestor
    from memos.infrastructure.reports import BackedUp, Rebuilt, RootRotated, Verification
    from memos.infrastructure.transfer.load.loader import LoadReport
    from memos.interface.context_session import ContextSession
    from memos.kernel.event import Position
    from memos.operation.commands.batch import Batch
    from memos.operation.commands.erase_plan import ErasePlan
    from memos.operation.commands.export import ExportReport
    from memos.operation.commands.extract import FactsReport
    from memos.operation.commands.facts import Extractor
    from memos.operation.commands.import_file import ImportReport
    from memos.operation.commands.queries import AskedQuery
    from memos.operation.commands.rollback import Rollback
    from memos.operation.commands.sweep import Sweep
    from memos.operation.cube import Forgotten, MemCube
    from memos.operation.erasure_receipt import ErasureReceipt
    from memos.operation.proof import ConsistencyProof, Proof, SignedCheckpoint
    from memos.operation.reads.accesses import AccessEntry
    from memos.operation.reads.context_block import ContextBlock
    from memos.operation.reads.counting import Count
    from memos.operation.reads.embedding import EmbeddingLag
    from memos.operation.reads.graph import Related
    from memos.operation.reads.history import Change, Diff, Lineage, LogEntry
    from memos.operation.reads.listing import Page
    from memos.operation.reads.route import Route
    from memos.operation.reads.stable_context import StableContext
    from memos.operation.reads.subjects import Subjects
    from memos.operation.reads.vault import Stats
    from memos.operation.receipt import Receipt
    from memos.operation.search.hits import Hits
    from memos.operation.validation import AsOf
    from memos.operation.vocabulary import Vocabulary


def _embedder(named: Embedder | str) -> Embedder | None:
    from memos.infrastructure.index.models.embedders import embedder_named

    return embedder_named(named)


def _reranker(named: Reranker | str | Path) -> Reranker | None:
    from memos.infrastructure.index.models.rerankers import reranker_from

    return reranker_from(named)


@told_when_cut_off
@takes_plain_arguments
class Memory:
    """A vault of memories, opened.

    Safe to share between threads; several processes may open the same directory.

        with Memory("team.vault", actor="agent:alice") as memory:
            memory.add("She likes pottery.", scope="acme/alice/chat-7")
            memory.search("pottery", scope="acme/alice")
    """

    load_report: LoadReport | None = None
    """What `load` did, on the vault that it returned."""

    def __init__(
        self,
        path: str | Path,
        *,
        actor: str = DEFAULT_ACTOR,
        tenant: str | None = None,
        create: bool = True,
        clock: Callable[[], int] = system_time,
        governor: Governor | None = None,
        embedder: Embedder | str | None = None,
        reranker: Reranker | str | Path | None = None,
        wait: Wait = "applied",
        sweep_every: str | None = None,
        mode: Mode = "write",
    ) -> None:
        """Open the vault at a directory; made, with its keys, when absent.

        Args:
            path: the directory, or a settings file whose name ends in `.toml`.
            actor: on whose behalf; who makes a vault administers it.
            tenant: narrow everything to one tenant.
            create: make the vault when there is none; on servers, `memos vault create` makes it.
            clock: microseconds since 1970; for tests.
            governor: decides who may do what, instead of the header rules.
            embedder: lets search find what is near in meaning: `"minilm"` for the local model of
                English, `"multilingual"` for that of a hundred languages, or an `Embedder` such as
                `EmbeddingsEndpoint`. Memories are embedded behind the write.
            reranker: lets the recipes `lexical+rerank` and `hybrid+rerank` read the best again
                together with the query: a `Reranker` such as `RerankEndpoint`, or the directory of
                a cross-encoder.
            wait: when an add returns: `"applied"`, as soon as it is readable, or `"durable"`, as
                soon as it is durable. In an embedded vault the two are one.
            sweep_every: end what has outlived its lifespan now and after each such time, such as
                `1h`, in a thread of this program, until `close`: see `sweep`.
            mode: `"read"` writes nothing, not even that somebody read: so a vault opens on a disk
                that is read-only, or where somebody else alone may write. What would change it
                raises `ReadOnly`.

        Raises:
            VaultError: the vault cannot be opened; `ReadOnly` where it can be opened for reading.
            Denied: it is to be swept, and the actor administers no tenant.
            EmbeddingFailed: the embedder's model is not installed.
            RerankFailed: the reranker's directory holds no model that can be loaded.
        """
        check_name(actor, "actor")
        clock = check_clock(clock)
        check_flag(create, "create")
        check_choice(wait, get_args(Wait), "wait")
        check_choice(mode, get_args(Mode), "mode")
        if mode == "read" and sweep_every is not None:
            raise InvalidInput("a sweep writes: open the vault with mode='write' for sweep_every")
        pause = None if sweep_every is None else check_duration(sweep_every, "sweep_every")
        if governor is not None:
            check_governor(governor)
        narrowed = "" if tenant is None else check_tenant(tenant)
        chosen = None if embedder is None else _embedder(embedder)
        reader = None if reranker is None else _reranker(reranker)
        self._path = check_path(path)
        self._session = Session(
            open_engine(
                self._path,
                actor=actor,
                clock=clock,
                create=create,
                wait=wait,
                mode=mode,
            ),
            actor=actor,
            tenant=narrowed,
            clock=clock,
            governor=governor,
            embedder=chosen,
            reranker=reader,
            reads_only=mode == "read",
        )
        try:
            if self._session.engine.erasure.is_behind_list():
                from memos.operation.commands.listed_erases import warn_of_listed_erases

                warn_of_listed_erases(self._session)
            if mode == "write":
                self._session.engine.erasure.complete_list()
            if self._session.engine.erasure.unfinished():
                from memos.operation.commands.destroy import resume_erases

                resume_erases(self._session)
            if pause is not None:
                from memos.operation.sweeper import start_sweeper

                start_sweeper(self._session, pause)
        except BaseException:
            self._session.close()
            raise

    @property
    def path(self) -> Path:
        """The vault's directory, or its settings file."""
        return self._path

    def as_actor(self, actor: str, *, tenant: str | None = None) -> Self:
        """The same open vault on behalf of another actor, without opening it again.

        What comes back works until this vault is closed; closing it lets go of nothing. Whoever
        holds an open vault may name any actor, as who opens one may.

        Args:
            actor: on whose behalf.
            tenant: narrow everything to one tenant; by default as this one is.

        Raises:
            InvalidInput: this one is narrowed to another tenant already.
        """
        check_name(actor, "actor")
        own = self._session.subject.tenant
        narrowed = own if tenant is None else check_tenant(tenant)
        if own and narrowed != own:
            raise InvalidInput(
                f"this vault was opened with tenant={own!r}, and nobody who works on it comes to "
                f"{narrowed!r}: open the vault anew"
            )
        other = copy(self)
        other._session = self._session.as_actor(actor, narrowed)
        return other

    def close(self) -> None:
        """Write what waits and close every file; harmless when repeated."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(
        self,
        text: str | None = None,
        *,
        scope: str,
        source: str | None = None,
        subject: str | None = None,
        valid_from: Time | None = None,
        valid_until: Time | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        origin: str | None = None,
        semantic_type: str | None = None,
        owner: str | None = None,
        readers: Iterable[str] = (),
        writers: Iterable[str] = (),
        priority: int = 0,
        sensitivity: str | None = None,
        purpose: str | None = None,
        lifespan: str | Mapping[str, Any] | None = None,
        content: bytes | None = None,
        media_type: str | None = None,
        derived_from: Iterable[str] = (),
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Remember a text (or `content` of another `media_type`) in a scope.

        Args:
            text: the memory.
            scope: where it belongs, for ever; the first segment is the tenant.
            source: where it came from, as a path: `rollback(source=...)` matches its segments.
            subject: whom it is about: erasing the subject erases it. By default its scope.
            valid_from: when it became true in the world.
            valid_until: when it stopped being true.
            tags: short labels, exact.
            metadata: any JSON object.
            origin: how it came to be, such as `user input` or `inference extraction`.
            semantic_type: what it is, such as `fact` or `user preference`.
            owner: who administers it; by default the actor.
            readers: who alone may read it; empty for the whole tenant.
            writers: who alone may change it; empty for the whole tenant.
            priority: a whole number.
            sensitivity: a label.
            purpose: what it may be used for.
            lifespan: a duration such as `90d`, or a mapping of `set_lifespan`'s arguments; `until`,
                a time, may stand in place of `after`.
            content: bytes, in the place of a text.
            media_type: what `content` is, or a kind of text such as `text/markdown`: what begins with
                `text/` is UTF-8, is searched, and reads as a text.
            derived_from: ids of cubes that this one was made from; their rollback and erase
                reach it.
            idempotency_key: a retry with the same key has one effect and the same receipt.

        Raises:
            InvalidInput: an argument does not fit; nothing was written.
            OtherContent: the key was used with any other argument.
            AlreadyErased: what the key stored was erased since; a fresh key stores it anew.
        """
        from memos.operation.commands.add import add
        from memos.operation.commands.new_memory import NewMemory

        memory = NewMemory(
            text=text,
            scope=scope,
            source=source,
            subject=subject,
            valid_from=valid_from,
            valid_until=valid_until,
            tags=tags,
            metadata=metadata,
            origin=origin,
            semantic_type=semantic_type,
            owner=owner,
            readers=readers,
            writers=writers,
            priority=priority,
            sensitivity=sensitivity,
            purpose=purpose,
            lifespan=lifespan,
            content=content,
            media_type=media_type,
            derived_from=derived_from,
            idempotency_key=idempotency_key,
        )
        return add(self._session, memory)

    def add_many(
        self, items: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> builtins.list[Receipt]:
        """Remember several memories in one durable batch: all or none.

        Args:
            items: mappings of `add`'s arguments; all are checked before any is written.
            idempotency_key: one key for the batch: each item is keyed by its number, and the same
                key with more or fewer items is other content. An item's own key comes before it,
                and is the same in any batch, at any place, and in `add`.

        Raises:
            InvalidInput: an item does not fit, or a key stands twice; the message says which.
            OtherContent: a key was used with any other argument.
            AlreadyErased: what a key stored was erased since; nothing of the batch was written.
        """
        from memos.operation.commands.add import add_many

        return add_many(self._session, items, idempotency_key)

    def merge(
        self,
        cube_ids: Sequence[str],
        text: str | None = None,
        *,
        scope: str | None = None,
        source: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Absorb several memories into a new one; the sources become Merged.

        Args:
            cube_ids: two or more memories of one tenant.
            text: the merged text; by default their lines, without repeats. What holds no text is
                merged with a text that is passed only.
            scope: of the new memory; by default the deepest one that holds them all.
            source: where the merged text came from.
            tags: of the new memory; by default all theirs.
            metadata: of the new memory.
            idempotency_key: a retry with the same key has one effect and the same receipt.

        Returns:
            A receipt whose `cube_id` is the new memory. It is made of its sources as they are when
            it is written: on the distributed engine a source that changes before its turn refuses,
            and the merged memory is made again of it; what still could not be absorbed keeps all that
            was written to it, and is in `rejected`.

        Raises:
            InvalidInput: an argument does not fit.
            NotFound, Denied, Held, IllegalMove, SourceErased: a source is not there, or refuses, or
                holds no text though none was passed. Nothing was written.
            OtherContent, AlreadyErased: as in `add`.
        """
        from memos.operation.commands.lineage import MergeRequest, merge

        request = MergeRequest(
            cube_ids=cube_ids,
            text=text,
            scope=scope,
            source=source,
            tags=tags,
            metadata=metadata,
            idempotency_key=idempotency_key,
        )
        return merge(self._session, request)

    def add_conversation(
        self,
        turns: Iterable[Mapping[str, Any]],
        *,
        scope: str,
        session: str,
        at: Time | float | None = None,
        source: str | None = None,
        subject: str | None = None,
        tags: Iterable[str] = (),
        idempotency_key: str | None = None,
    ) -> builtins.list[Receipt]:
        """Remember the turns of one session of a conversation, in order and all or none.

        Search then knows what stands around a turn: a reply inherits what its question spoke of,
        neighbours lend context, and a speaker's name finds what they said. A session may be taken
        in by several calls; later turns follow earlier ones.

        Args:
            turns: mappings with `text` and, as far as known, `id`, `speaker`, `role` (user,
                assistant, system, tool), `caption` (what a picture shows), `at`, `metadata`,
                `tags`. Id, speaker, role, caption and session come back in the metadata of hits.
                Messages of the OpenAI chat API are taken as they are: `content` as a text or as
                parts, `refusal`, `tool_calls`, `tool_call_id`, `name`, `created_at`. Each call of a
                tool is a turn of its own, behind the words; what has no words, such as a picture,
                is named in the metadata (`not_kept`).
            scope: the conversation's.
            session: which session of it.
            at: when the session took place; a turn's own `at` is finer. Seconds or milliseconds
                since 1970 are taken as well.
            source: where it came from; by default `conversation:<scope>/<session>`, and each
                turn's source is this with the turn's id behind it.
            subject: whom it is about; by default its scope.
            tags: given to every turn.
            idempotency_key: a retry with the same key has one effect and the same receipts.

        Returns:
            A receipt for each turn that was made, in order.

        Raises:
            InvalidInput: a turn does not fit; the message says which, and nothing was written.
        """
        from memos.operation.commands.add import add_conversation
        from memos.operation.commands.turn import Conversation

        conversation = Conversation(
            turns=turns,
            scope=scope,
            session=session,
            at=at,
            source=source,
            subject=subject,
            tags=tags,
            idempotency_key=idempotency_key,
        )
        return add_conversation(self._session, conversation)

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
            text: the new text, a plain one, or what is added to the old one and keeps its media type.
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
        """Put several memories out of sight: chosen, planned and done as in `update_many`."""
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

    def link(self, cube_id: str, other_id: str, relation: str = "derived_from") -> Receipt:
        """Say what a memory is to another one: `cube_id` is the later end of the edge.

        Args:
            cube_id: what was derived, quoted, superseded with, ...
            other_id: the earlier memory.
            relation: derived_from, quoted_from, supersedes, same_text_as, linked, ...
        """
        from memos.operation.commands.lineage import link

        return link(self._session, cube_id, other_id, relation)

    def archive(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Put a memory out of sight of searches; its history stays."""
        from memos.operation.commands.lifecycle import archive

        return archive(self._session, cube_id, expected_version)

    def restore(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Bring an archived or expired memory back, as Activated.

        Raises:
            IllegalMove: it is in another state; or it has outlived its lifespan, and would stay out of
                sight: `set_lifespan` gives it another.
        """
        from memos.operation.commands.lifecycle import restore

        return restore(self._session, cube_id, expected_version)

    def freeze(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Stop every change of a memory, and its expiry, until `thaw`.

        An administrator's erase goes through a freeze, an end of a lifespan that they set, and an
        erase of what the memory was made of; the receipt says so. All others are refused.

        Raises:
            Denied: the actor neither owns nor administers it; or it is made of memories that end, and
                they do not administer every one of them.
        """
        from memos.operation.commands.lifecycle import freeze

        return freeze(self._session, cube_id, expected_version)

    def thaw(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """End a freeze; the memory goes back to where it was.

        Raises:
            Held: it is under a legal hold, which `lift_hold` ends.
        """
        from memos.operation.commands.lifecycle import thaw

        return thaw(self._session, cube_id, expected_version)

    def hold(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Put a memory under a legal hold: no change, no expiry and no erase until `lift_hold`.

        An owner's freeze becomes a hold by it.

        Raises:
            Denied: the actor does not administer the tenant.
        """
        from memos.operation.commands.lifecycle import hold

        return hold(self._session, cube_id, expected_version)

    def lift_hold(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """End a legal hold; the memory goes back to where it was.

        Raises:
            Denied: the actor does not administer the tenant.
        """
        from memos.operation.commands.lifecycle import lift_hold

        return lift_hold(self._session, cube_id, expected_version)

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
        from memos.operation.commands.header import set_lifespan

        lifespan = check_lifespan(
            after, 0, renewed_by_access=renewed_by_access, then=then, half_life=half_life
        )
        return set_lifespan(self._session, cube_id, lifespan, expected_version)

    def get(
        self,
        cube_id: str,
        *,
        version: int | None = None,
        as_of: AsOf | None = None,
        valid_at: Time | None = None,
        any_state: bool = False,
    ) -> MemCube | Forgotten:
        """One memory.

        Args:
            cube_id: which.
            version: as it was at this version.
            as_of: as it was known at a cut, a position or a log time.
            valid_at: the newest version whose content was true in the world at this time.
            any_state: also when it is archived, merged or expired.

        Returns:
            The memory; `Forgotten` where it was erased, at any position.

        Raises:
            NotFound: it did not exist then, or is out of sight.
        """
        from memos.operation.reads.get import StateRequest, get

        request = StateRequest(version=version, as_of=as_of, valid_at=valid_at)
        return get(self._session, cube_id, request, any_state=any_state)

    def find_id(self, beginning: str) -> str:
        """The id of the one memory whose id begins so, among those that the actor may read.

        Args:
            beginning: the first characters of an id, four or more.

        Raises:
            NotFound: there is none.
            InvalidInput: there are several, or it is no beginning of an id.
        """
        from memos.operation.reads.find_id import find_id

        return find_id(self._session, beginning)

    def search(
        self,
        query: str,
        *,
        scope: str | Iterable[str],
        k: int = 10,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        as_of: AsOf | None = None,
        valid_at: Time | None = None,
        states: Iterable[str] | None = None,
        recipe: str | None = None,
        facts: bool = False,
        min_score: float = 0.0,
    ) -> Hits:
        """The memories that fit a query best, in a scope and all that lies under it.

        Args:
            query: words, in any order; none, where a filter is given: what it holds of then, the
                newest first. A phrase in double quotes must stand in a text as it is, where any has it;
                dates (`in May 2023`, `last summer`) draw texts of that time to the top. For a task
                (`Can you plan the trip?`) also what the user wants always.
            scope: where to look, in one scope or in several of one tenant; only what the actor may read
                there has any influence.
            k: how many at most.
            filter: what must hold: see `memos.operation.search.filters`.
            as_of: search what was known at a cut, a position or a log time.
            valid_at: search what was true in the world at this time: a memory of which it was told
                that it began later comes at its newest earlier version that held then, and without
                one is left out, as is one that had ended; one without a valid time is kept. Where
                the query asks for a slot (`Where does Ana live?`), the memory that began last by
                then comes first; without it, the one that holds at the read time. Relative dates
                are relative to it, or else to the read time. With `as_of`: of what was known then.
            states: which states to show instead of Generated, Activated and Frozen.
            recipe: which stages run: see `memos.operation.search.recipe`.
            facts: also find facts that `extract_facts` made; without it only where the filter
                speaks of `semantic_type`.
            min_score: leave out what is less likely than this to be about what is asked, from 0 to
                1, so that nothing is an answer; `explain["relevance"]` is that likelihood.
                docs/retrieval.md says what each value costs and gives.

        Returns:
            Hits, best first, each cube once at its version for that position. The order is
            deterministic; of equals the newer comes first. Each hit's `why` says in words why it
            was found, its `explain` what each stage gave it; that of the list,
            also of an empty one, how the search ran and which optional side was not there.
        """
        from memos.operation.reads.scope import SearchRequest
        from memos.operation.reads.search import search, states_named

        request = SearchRequest(
            scope=scope,
            text=query,
            k=k,
            filter=filter,
            as_of=as_of,
            recipe=recipe,
            states=states_named(states),
            valid_at=None if valid_at is None else check_time(valid_at, "valid_at"),
            facts=facts,
            min_score=min_score,
        )
        return search(self._session, request)

    def list(
        self,
        *,
        scope: str | Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        state: str | Iterable[str] | None = None,
        order: str = "newest",
        limit: int = 100,
        cursor: str | None = None,
        as_of: AsOf | None = None,
        facts: bool = False,
    ) -> Page:
        """The memories that are there, page by page. It is no use of them.

        A page's `cursor` leads to the next one, which begins behind the last memory shown whatever was
        written meanwhile. By `newest` and `oldest` a memory keeps its place; by `changed` all pages are
        of the moment of the first. On servers what one call wrote has one log time, and stands together
        in any order. Memories that cannot be read are named in the page's `damaged`, those of which the
        filter cannot be told, since their values are of another kind, in its `not_compared`.

        Args:
            scope: in this scope and all that lies under it, or in these; by default everywhere.
            filter: what must hold: see `memos.operation.search.filters`.
            state: in this state, or these, instead of Generated, Activated and Frozen; or let the filter
                say it.
            order: `newest` or `oldest` first, by when they came to be; or `changed` last first.
            limit: how many at most.
            cursor: that of the page before; all else as for it.
            as_of: what was known at a cut, a position or a log time.
            facts: also facts that `extract_facts` made, as in `search`.

        Raises:
            InvalidInput: an argument does not fit, or the cursor is another list's.
            Denied: the actor may not read in a scope that is named.
        """
        from memos.operation.reads.listing import PageRequest, list_memories
        from memos.operation.reads.search import states_of
        from memos.operation.search.selection import Selection

        return list_memories(
            self._session,
            PageRequest(
                selection=Selection(
                    scope=scope,
                    filter=filter,
                    states=states_of(state),
                    as_of=as_of,
                    facts=facts,
                ),
                order=order,
                limit=limit,
                cursor=cursor,
            ),
        )

    def count(
        self,
        *,
        scope: str | Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        state: str | Iterable[str] | None = None,
        as_of: AsOf | None = None,
        facts: bool = False,
    ) -> Count:
        """How many memories `list` would show, page by page.

        What a filter says of tags, scope, state, version, id and valid time the index answers, and of
        owner, readers, writers, priority, sensitivity, purpose, uses, `created` and `changed` the
        headers. Of text, source, origin, types and metadata, or of these within one `or` or `not`,
        each memory that the rest fits is opened, which takes some tenths of a millisecond each. The
        count's `not_compared` tells which of these it passed over because their values are of another
        kind than its own.
        """
        from memos.operation.reads.counting import count
        from memos.operation.reads.search import states_of
        from memos.operation.search.selection import Selection

        selection = Selection(
            scope=scope, filter=filter, states=states_of(state), as_of=as_of, facts=facts
        )
        return count(self._session, selection)

    def scopes(self, prefix: str | None = None, *, as_of: AsOf | None = None) -> dict[str, int]:
        """The scopes that hold memories which the actor may read, in order, and how many each holds.

        Args:
            prefix: this scope and all that lies under it; by default all.
            as_of: what was known at a cut, a position or a log time.
        """
        from memos.operation.reads.counting import scopes

        return scopes(self._session, prefix, as_of)

    def subjects(
        self, scope: str | Iterable[str] | None = None, *, as_of: AsOf | None = None
    ) -> Subjects:
        """Whom the memories are about that the actor may read, and how many each: the commonest first.

        A subject that was named by none is the scope. Each memory is looked at.

        Args:
            scope: in this scope and all that lies under it, or in these; by default everywhere.
            as_of: what was known at a cut, a position or a log time.
        """
        from memos.operation.reads.subjects import subjects
        from memos.operation.search.selection import Selection

        return subjects(self._session, Selection(scope=scope, as_of=as_of))

    def history(self, cube_id: str) -> builtins.list[Change]:
        """Everything attempted on a memory, oldest first, with the text that each left."""
        from memos.operation.reads.get import history

        return history(self._session, cube_id)

    def diff(self, cube_id: str, before: int, after: int) -> Diff:
        """What changed between two versions of a memory.

        Raises:
            NotFound: there is no such version, or the memory was erased.
        """
        from memos.operation.reads.get import diff

        return diff(self._session, cube_id, before, after)

    def lineage(self, cube_id: str, *, direction: str = "both", depth: int = 3) -> Lineage:
        """What a memory came from (upstream) and what came from it (downstream)."""
        from memos.operation.reads.get import lineage

        return lineage(self._session, cube_id, direction, depth)

    def wait_for(self, token: Receipt | Position | str, *, seconds: float = 30.0) -> None:
        """Wait until a write of any process can be read here.

        What this vault's own adds return can be read already; a token from elsewhere, or of a vault
        opened with `wait="durable"`, may be ahead of the workers.

        Args:
            token: the write's receipt, or its position (`receipt.position`, or its text, 0:42).
            seconds: how long to wait.

        Raises:
            NotApplied: it cannot be read yet; the message says which worker is behind or dead.
            InvalidInput: it is no token.
        """
        from memos.operation.reads.log import wait_for

        wait_for(self._session, token, seconds)

    def events(
        self,
        *,
        actor: str | None = None,
        kind: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        operation: str | None = None,
        source: str | None = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Iterator[LogEntry]:
        """The log: who attempted what, when, and what became of it, in log order.

        Args:
            actor: by this actor.
            kind: of this kind, such as `Revised`.
            scope: in this scope and all that lies under it.
            cube_id: on this cube.
            operation: of the operation with this id.
            source: whose source is, or lies under, this path.
            since: from this position, cut or time on, inclusive.
            until: before this position, cut or time.
        """
        from memos.operation.reads.log import LogFilter, events

        records = LogFilter(
            actor=actor,
            kind=kind,
            scope=scope,
            cube_id=cube_id,
            operation=operation,
            source=source,
            since=since,
            until=until,
        )
        return events(self._session, records)

    def accesses(
        self,
        *,
        cube_id: str | None = None,
        actor: str | None = None,
        scope: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: int = 100,
    ) -> builtins.list[AccessEntry]:
        """Who read what: the newest entries of the access log, oldest first.

        Administrators see what was done in their tenants, the owner of a memory who read that, and all
        others what they did themselves. Of what a read returned only such memories are named as the
        caller may read. The whole access log is looked through.

        Args:
            cube_id: that returned this memory; for its owner, and administrators.
            actor: by this actor; another's for administrators.
            scope: of this scope and all that lies under it.
            since: from this time on.
            until: before this time.
            limit: how many at most.

        Raises:
            Denied: it is another's to see.
            NotFound: there is no such memory.
        """
        from memos.operation.reads.accesses import AccessFilter, accesses

        wanted = AccessFilter(
            cube_id=cube_id, actor=actor, scope=scope, since=since, until=until, limit=limit
        )
        return accesses(self._session, wanted)

    def denials(
        self,
        *,
        cube_id: str | None = None,
        actor: str | None = None,
        scope: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: int = 100,
    ) -> builtins.list[AccessEntry]:
        """What governance refused, and by which rule: the newest, oldest first. See `accesses`."""
        from memos.operation.reads.accesses import AccessFilter, denials

        wanted = AccessFilter(
            cube_id=cube_id, actor=actor, scope=scope, since=since, until=until, limit=limit
        )
        return denials(self._session, wanted)

    @overload
    def context(
        self,
        query: str,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        stable: Literal[False] = False,
    ) -> ContextBlock: ...

    @overload
    def context(
        self,
        query: str,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        stable: Literal[True],
    ) -> StableContext: ...

    def context(
        self,
        query: str,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        stable: bool = False,
    ) -> ContextBlock | StableContext:
        """A block for a prompt: the memories that fit a query best, quoted and cited.

        What two memories say alike is quoted once and cites both; of facts about the same thing
        the newest valid one comes first; turns of a conversation stand together in their order.
        `memos.operation.reads.context_block` tells what the quoting guarantees and what it cannot.
        What the block quotes counts as used; what did not fit does not.

        Args:
            query: words, in any order.
            scope: where to look, and in all that lies under it; one scope, or several of one tenant.
            budget_tokens: how many tokens the block may have, by `count_tokens`; about 32 of them are
                the frame, and a memory that is larger than the rest is quoted in part.
            k: how many memories are considered.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            count_tokens: a model's own counter; by default `estimate_tokens`.
            stable: two blocks instead of one, of which the first is the same whatever is asked: what the
                first turn of a `context_session` gives.
        """
        if check_flag(stable, "stable"):
            return self.context_session(
                scope=scope,
                budget_tokens=budget_tokens,
                k=k,
                as_of=as_of,
                filter=filter,
                recipe=recipe,
                count_tokens=count_tokens,
            ).turn(query)
        from memos.operation.reads.context import context
        from memos.operation.reads.scope import SearchRequest

        request = SearchRequest(
            scope=scope, text=query, k=k, filter=filter, as_of=as_of, recipe=recipe
        )
        return context(self._session, request, budget_tokens, count_tokens)

    def context_session(
        self,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        pinned_tokens: int | None = None,
        history_tokens: int | None = None,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        state: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
    ) -> ContextSession:
        """The context of a conversation, in two blocks, so that a model's prompt cache keeps its prefix.

        Each `turn(query)` gives `pinned`, which belongs in front of the history and is the same to the
        byte from turn to turn and from process to process, and `delta`, which belongs behind the history
        and stays where it stands. In the pinned block are the memories tagged `policy`, then those tagged
        `pinned`, then what several turns needed, by first use. A delta has what neither the pinned block
        nor an earlier delta has. Memories are cited by labels that stay.

        A turn says that something `changed` where a memory in the prompt was changed or is no longer
        readable, valid or in force, where what is tagged changed, and where the deltas in the history have
        grown past `history_tokens`. Then the pinned block is another one, and the deltas before this turn's
        are to be taken out of the history: `docs/guide.md` shows how.

        Args:
            scope: where to look, and in all that lies under it; one scope, or several of one tenant.
            budget_tokens: how many tokens a delta may have, by `count_tokens`.
            pinned_tokens: how many the pinned block may have; by default twice as many.
            history_tokens: how many the deltas in the history may have together; by default eight times as
                many.
            k: how many memories are considered in a turn.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            state: the `state` of a session of the same scope, filter and moment, to go on from.
            count_tokens: a model's own counter; by default `estimate_tokens`.

        Raises:
            InvalidInput: an argument does not fit; a state is looked at with the first turn.
        """
        from memos.interface.context_session import ContextSession

        return ContextSession(
            self._session,
            scope=scope,
            budget_tokens=budget_tokens,
            pinned_tokens=pinned_tokens,
            history_tokens=history_tokens,
            k=k,
            as_of=as_of,
            filter=filter,
            recipe=recipe,
            state=state,
            count_tokens=count_tokens,
        )

    def related(
        self, cube_id: str, *, k: int = 10, scope: str | None = None
    ) -> builtins.list[Related]:
        """The memories nearest to one in the graph of cubes, best first, each with its reasons.

        Edges are lineage, turns around it, shared tags, a shared source and shared rare words.
        Only what the actor may read is named, or counts. It is no use of what it names.

        Args:
            cube_id: of which.
            k: how many at most.
            scope: where to look, and in all that lies under it; by default its whole tenant.

        Raises:
            NotFound: there is no such memory, or it was erased.
        """
        from memos.operation.reads.context import related

        return related(self._session, cube_id, k, scope)

    def route(
        self,
        task: str,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        k: int = 50,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
    ) -> Route:
        """Which scopes, concepts and memories serve a task, in which form and order.

        A plan, without the texts: reading what it names, by `get` or `context`, is the use.

        Args:
            task: what is to be done, in words.
            scope: where to look, and in all that lies under it; one scope, or several of one tenant.
            budget_tokens: how many tokens the plaintext on the path may take.
            k: how many memories are considered.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            count_tokens: a model's own counter; by default `estimate_tokens`.
        """
        from memos.operation.reads.context import route
        from memos.operation.reads.scope import SearchRequest

        request = SearchRequest(
            scope=scope, text=task, k=k, filter=filter, as_of=as_of, recipe=recipe
        )
        return route(self._session, request, budget_tokens, count_tokens)

    def tags(self, scope: str, *, as_of: AsOf | None = None) -> dict[str, int]:
        """How many memories in a scope and under it carry each tag, the commonest first.

        Only memories that the actor may read are counted, and no tag of another is named.
        """
        from memos.operation.reads.vocabulary import tags

        return tags(self._session, scope, as_of)

    def vocabulary(self, scope: str) -> Vocabulary:
        """The tags that a scope is to use: its own vocabulary and those of the scopes above it.

        Raises:
            Denied: the actor may not read one of them.
        """
        from memos.operation.reads.vocabulary import vocabulary

        return vocabulary(self._session, scope)

    def set_vocabulary(self, scope: str, tags: Iterable[str], *, closed: bool = False) -> Receipt:
        """Say which tags a scope, and all that lies under it, is to use.

        A scope below may add tags of its own. Where one vocabulary on the way is closed, memories
        are given no other tags: `add`, `add_conversation`, `merge`, `update` and `tag` refuse
        them. What has them already keeps them; what another vault exported is loaded as it is.

        The vocabulary is a memory: the receipt's cube has versions, history and rollback;
        `archive` takes it out of force, `freeze` keeps it, and its header says who may change it.

        Args:
            scope: where.
            tags: the tags, instead of those set before.
            closed: whether no others are taken.

        Raises:
            Denied: the actor may not write in the scope, or may not change its vocabulary.
        """
        from memos.operation.commands.vocabulary import set_vocabulary

        return set_vocabulary(self._session, scope, tags, closed=closed)

    def set_sensitivities(self, tenant: str, labels: Iterable[str]) -> Receipt:
        """Say which labels of sensitivity a tenant has, lowest first; an administrator's act.

        What is made of several memories takes the highest of theirs. A label that is not named is
        higher than all that are.

        Args:
            tenant: the first segment of its scopes.
            labels: the labels, instead of those set before.

        Raises:
            Denied: the actor does not administer the tenant.
        """
        from memos.operation.commands.sensitivities import set_sensitivities

        return set_sensitivities(self._session, tenant, labels)

    def sensitivities(self, tenant: str) -> tuple[str, ...]:
        """The labels of sensitivity that a tenant has set, lowest first.

        Raises:
            Denied: the actor is narrowed to another tenant.
        """
        from memos.operation.commands.sensitivities import sensitivities

        return sensitivities(self._session, tenant)

    def keep_queries(self, lifetime: str | None = "30d") -> None:
        """Keep the texts of queries from now on, for so long; an administrator's act.

        By default a vault keeps none: its access log has a digest of each query under a key of the
        tenant and the day, which is destroyed after 30 days. Kept texts lie beside the log, sealed;
        an erase takes away those of queries that returned an erased memory, or searched an erased
        scope.

        Args:
            lifetime: such as `"7d"`; None keeps no more texts, and takes away all that are there.

        Raises:
            Denied: the actor does not administer the whole vault.
            InvalidInput: it is no duration, or longer than 30 days.
        """
        from memos.operation.commands.queries import keep_queries

        keep_queries(self._session, lifetime)

    def queries(self, scope: str) -> builtins.list[AskedQuery]:
        """The queries in a scope, and under it, whose texts are kept, oldest first.

        Raises:
            Denied: the actor does not administer the tenant.
        """
        from memos.operation.commands.queries import queries

        return queries(self._session, scope)

    def embedding_lag(self) -> EmbeddingLag:
        """How far the dense side is behind the writes.

        Raises:
            InvalidInput: the vault was opened without an embedder.
        """
        from memos.operation.reads.embedding import embedding_lag

        return embedding_lag(self._session)

    def embed_pending(self) -> int:
        """Embed now what waits, and come back when all is done; how many texts it were.

        Raises:
            EmbeddingFailed: the embedder failed; what was done is kept, and the rest waits.
            InvalidInput: the vault was opened without an embedder.
        """
        from memos.operation.reads.embedding import embed_pending

        return embed_pending(self._session)

    def extract_facts(
        self,
        scope: str,
        extractor: Extractor | None = None,
        *,
        name: str | None = None,
        limit: int | None = None,
        progress: Progress = no_progress,
    ) -> FactsReport:
        """Extract the facts of what an extractor has not read yet for this actor, in a scope and
        under it.

        Each fact is a memory of semantic type `fact`, derived from the one that tells it: it has
        its scope, source, valid time, readers and subjects, and rollback and erase reach it. When
        a memory changes, the facts of its earlier version are archived; those that are frozen, or not
        the actor's to archive, are named in `kept`. One that changes while it is read gives none, and
        waits to be read anew. `search(facts=True)` finds
        them; other searches find memories only. A repeat makes no second copy.

        Args:
            scope: where.
            extractor: from a memory's text (`Speaker: text`) to its facts, such as a call of a
                language model; by default what the patterns of slots read (English).
            name: the extractor's, with its version; by default that of the function. Another name,
                and another actor, reads everything anew.
            limit: how many memories are read at most.
            progress: told (memories read, of how many).

        Raises:
            Denied: the actor may not read there, or not add.
            InvalidInput: the extractor gave something else than texts. It, and what else an
                extractor raises, comes after the facts from before are kept; what gave none in
                the same batch is read again.
        """
        from memos.operation.commands.extract import extract_facts

        return extract_facts(
            self._session,
            scope,
            extractor,
            name=name,
            limit=limit,
            progress=check_callable(progress, "progress"),
        )

    def rollback(
        self,
        cube_id: str | None = None,
        *,
        to_version: int | None = None,
        source: str | None = None,
        actor: str | None = None,
        operation: str | None = None,
        cut: str | None = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
        scope: str | None = None,
        dry_run: bool = False,
    ) -> Rollback:
        """Take a cube to a version, or undo a source, an actor, an operation or a stretch of log.

        Walks the taint: everything that was derived, merged, quoted or appended from what is
        undone goes back to its last clean version, or is archived where there is none. Content goes
        back for who may write a memory; header facts for who may decide over it, and where `actor`,
        `cut`, `since` or `until` say what is undone, for who administers its tenant. For others the
        header stays, and `headers_kept` names the memory. So do links that say where content is from;
        others, and these where the caller could make them, end, with the subjects that they brought.

        Args:
            cube_id: with `to_version`, the cube to take back.
            to_version: the version that it goes back to.
            source: undo what came from this source, or from below it (whole path segments).
            actor: undo what this actor did.
            operation: undo the operation with this id.
            cut: undo everything after this named cut.
            since: only from this position on; beside `cut`, after both.
            until: only before this position.
            scope: only in this scope and what lies under it.
            dry_run: only plan.

        Raises:
            Denied: a cube may not be written by the actor; nothing was changed.
        """
        from memos.operation.commands.rollback import RollbackRequest, rollback
        from memos.operation.reads.log import LogFilter

        records = LogFilter(
            actor=actor,
            scope=scope,
            operation=operation,
            source=source,
            since=since,
            until=until,
            cut=cut,
        )
        request = RollbackRequest(
            cube_id=cube_id, to_version=to_version, records=records, dry_run=dry_run
        )
        return rollback(self._session, request)

    @overload
    def erase(
        self,
        *,
        subject: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        cube_ids: Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,
        dry_run: Literal[False] = False,
    ) -> ErasureReceipt: ...

    @overload
    def erase(
        self,
        *,
        subject: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        cube_ids: Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,
        dry_run: Literal[True],
    ) -> ErasePlan: ...

    def erase(
        self,
        *,
        subject: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        cube_ids: Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        dry_run: bool = False,
    ) -> ErasureReceipt | ErasePlan:
        """Erase for good: destroy keys, purge every copy, and sign a receipt that lists them.

        The events stay, sealed for ever; the log's proofs still hold.

        Args:
            subject: all that is about this subject, and all that was derived from it.
            scope: all that lies in or under this scope, and all that was derived from it.
            cube_id: this cube, and all that was derived from it.
            cube_ids: these cubes, of one tenant, and all that was derived from them.
            filter: of `scope`, only what this fits, in any state, and all that was derived from it.
            dry_run: only plan: how many memories, how their texts begin, which go along, which are held.

        Where another erase has begun with some of it, that one is brought to its end, and what is
        left is erased; `supplements` of the receipt holds the other's.

        Returns:
            The signed receipt; with `dry_run` the plan.

        Raises:
            Held: a cube is held, or frozen and yours to thaw; nothing was erased.
            EraseUnfinished: it has begun and was stopped; it goes on when it is asked for again.
            NotFound: nothing matches.
        """
        from memos.operation.commands.erase import erase
        from memos.operation.commands.erase_plan import plan_erase
        from memos.operation.commands.erase_target import EraseTarget

        target = EraseTarget(
            subject=subject, scope=scope, cube_id=cube_id, cube_ids=cube_ids, filter=filter
        )
        if check_flag(dry_run, "dry_run"):
            return plan_erase(self._session, target)
        return erase(self._session, target)

    def grant_administrator(self, tenant: str, actor: str) -> Receipt:
        """Make an actor administrator of a tenant.

        They may do with every memory of the tenant what its owner may, hold and erase it, sweep
        the tenant, and name further administrators. Who made the vault administers every tenant.

        Args:
            tenant: the first segment of its scopes.
            actor: who is to administer it.

        Raises:
            Denied: the caller does not administer the tenant.
        """
        from memos.operation.commands.administrators import grant_administrator

        return grant_administrator(self._session, tenant, actor)

    def revoke_administrator(self, tenant: str, actor: str) -> Receipt:
        """Take from an actor what `grant_administrator` gave; harmless where they have it not.

        Raises:
            Denied: the caller does not administer the tenant.
        """
        from memos.operation.commands.administrators import revoke_administrator

        return revoke_administrator(self._session, tenant, actor)

    def administrators(self, tenant: str) -> tuple[str, ...]:
        """The tenant's own administrators, in order; who administers the whole vault is not listed.

        Raises:
            Denied: the tenant is not the caller's.
        """
        from memos.operation.commands.administrators import administrators

        return administrators(self._session, tenant)

    def sweep(self) -> Sweep:
        """End what has outlived its lifespan: archive, expire or erase it, as its header says.

        In every tenant that the caller administers, judged by the vault's clock. A lifespan acts
        with the right of whoever set it: where it erases, what was derived from the memory goes
        with it as far as that actor may decide over it, and the rest is named in `left`. A freeze
        yields to what an administrator set, a hold to nothing. What an import would have erased
        and was held goes now, where its hold was lifted.

        Raises:
            Denied: the caller administers no tenant.
        """
        from memos.operation.commands.sweep import sweep

        return sweep(self._session)

    def name_cut(self, name: str) -> Receipt:
        """Name this moment, for `as_of` and `rollback(cut=...)`.

        Raises:
            IllegalMove: the name is taken.
        """
        from memos.operation.commands.cut import name_cut

        return name_cut(self._session, name)

    def cuts(self) -> dict[str, int]:
        """The named cuts, and the number of records before each."""
        from memos.operation.reads import vault

        return vault.cuts(self._session)

    def verify(self, progress: Progress = no_progress) -> Verification:
        """Check the log against its hashes, tree and signed checkpoints, every head, and that every
        memory has its keys.

        Returns:
            What was found; `.ok`, and `.problems` that name what is damaged. `.keys_missing` counts
            memories that nobody erased and that nothing opens; `.not_compared` says what was not
            looked at.
        """
        from memos.operation.reads import vault

        return vault.verify(self._session, check_callable(progress, "progress"))

    def audit(self, progress: Progress = no_progress) -> Verification:
        """What `verify` checks, and every stored row compared with a fresh fold of the log, both
        ways: what is there and should not be, and what is missing. Keys are checked by opening what
        they wrap, usage by the access log.

        Returns:
            What was found; `.problems` names every row that differs, `.not_compared` what cannot be
            compared, each with its reason.
        """
        from memos.operation.reads import vault

        return vault.audit(self._session, check_callable(progress, "progress"))

    def checkpoint(self, partition: int = 0) -> SignedCheckpoint:
        """Sign the log as it is now: whoever keeps the note can prove a later change.

        Args:
            partition: of a log of several partitions, which: each has a tree of its own.
        """
        from memos.operation.reads import proofs

        return proofs.checkpoint(self._session, check_count(partition, "partition"))

    def prove(self, event_id: str) -> Proof:
        """Prove that an event is in the log; `Proof.verify` needs only the verifier key.

        Raises:
            NotFound: there is no such event.
        """
        from memos.operation.reads import proofs

        return proofs.prove(self._session, event_id)

    def prove_consistency(
        self, since: SignedCheckpoint | int, partition: int = 0
    ) -> ConsistencyProof:
        """Prove that nothing was changed or removed since an earlier checkpoint (or its size).

        Args:
            since: the earlier checkpoint.
            partition: of which partition of the log it is.

        Raises:
            NotFound: the log is shorter than that.
        """
        from memos.operation.proof import SignedCheckpoint
        from memos.operation.reads import proofs

        return proofs.prove_consistency(
            self._session,
            since if isinstance(since, SignedCheckpoint) else check_count(since, "since"),
            check_count(partition, "partition"),
        )

    def verifier_key(self) -> str:
        """The public key that checks this vault's checkpoints, proofs and erasure receipts."""
        from memos.operation.reads import proofs

        return proofs.verifier_key(self._session)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        """Fold the log again in place of every projection; `digest` must come out the same. On servers one
        rebuild waits for another.
        """
        from memos.operation.commands.rebuild import rebuild

        return rebuild(self._session, check_callable(progress, "progress"))

    def rotate_root_key(
        self, new_key: str | Path | None = None, progress: Progress = no_progress
    ) -> RootRotated:
        """Put another root key in the place of the vault's, and wrap all that the old one wraps under it;
        or finish that, where an earlier call was cut off. Memories, proofs and receipts are as before.

        Only the vault's administrator may. The new key is in the root key's file then, the old one beside
        it as `.old`, which opens nothing but backups of before. Other programs that have the vault open
        take the new key from that file; on other machines it has to be put there.

        Args:
            new_key: a file with the new root key, 64 hexadecimal digits; by default one is made.
            progress: told (done, 0) of the keys that were looked at, on servers.

        Raises:
            Denied: the actor does not administer the vault.
            InvalidInput: there is no such file, or what it holds cannot be the new root key.
            VaultError: the new root key cannot be written, or another process rotates it.
        """
        from memos.operation.commands.rotate_root_key import rotate_root_key

        return rotate_root_key(self._session, new_key, check_callable(progress, "progress"))

    def digest(self) -> str:
        """SHA-256 over every cube: two vaults with the same history have the same digest."""
        from memos.operation.reads import vault

        return vault.digest(self._session)

    def usage_digest(self) -> str:
        """SHA-256 over how often and when last each cube was used; `digest` leaves usage out."""
        from memos.operation.reads import vault

        return vault.usage_digest(self._session)

    def stats(self) -> Stats:
        """Figures of the vault."""
        from memos.operation.reads import vault

        return vault.stats(self._session)

    def export(
        self,
        path: str | Path,
        *,
        scope: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipient: str | bytes | None = None,
        passphrase: str | None = None,
        since: str | Path | None = None,
        progress: Progress = no_progress,
    ) -> ExportReport:
        """Write memories, with their whole history, to a new directory, or a `.tar`, `.memos` (a tar)
        or `.zip` file.

        Without `scope` and `filter` it is the whole vault: `load` gives the same digest, and only
        an administrator may do it. With them it is the memories that match and that the actor may
        read; operations over several cubes (rollbacks, erases, cuts) stay behind, what they did to
        each memory travels. With `since` it is an increment: what came to the whole vault behind an
        earlier export of it, or behind another increment.

        Args:
            path: where to; nothing may be there yet.
            scope: only memories in or under this scope.
            filter: only memories of which this holds now: see `memos.operation.search.filters`.
            recipient: wrap the keys to this X25519 public key: see `new_recipient`.
            passphrase: wrap the keys to this passphrase. Without either, all is in clear.
            since: the export or increment that this one goes on from. Only its manifest is read.
            progress: told (done, total).

        Raises:
            Denied: the whole vault, by another than its administrator.
            InvalidInput: an argument does not fit, or the path is taken.
            Refused: `since` is not of this vault, or of a part of it, or its log is another since.
            VaultError: it could not be written; nothing is left at the path.
        """
        from memos.operation.commands.export import ExportRequest, export

        request = ExportRequest(
            path=check_path(path),
            scope=scope,
            filter=filter,
            recipient=recipient,
            passphrase=passphrase,
            since=None if since is None else check_path(since, "since"),
        )
        return export(self._session, request, check_callable(progress, "progress"))

    def backup(
        self,
        directory: str | Path,
        *,
        keys: str | Path | None = None,
        progress: Progress = no_progress,
    ) -> BackedUp:
        """Copy the vault as it is now into a new directory, while it is used, and verify the copy.

        Only the vault's administrator may. `restore_vault` makes the same vault of it. The list of
        erases, `erased.jsonl` in the vault's directory, is in no backup: keep a copy of it elsewhere, for
        a restore holds an older backup to it. An erase waits for up to ten seconds for a backup that is
        being copied before it says that files may hold destroyed keys still.

        Args:
            directory: where to.
            keys: another new directory for the root key, the key file and a copy of the list of
                erases; the newest keys open every older backup.
            progress: told (done, total).

        Raises:
            Denied: the actor does not administer the vault.
            InvalidInput: a directory is not empty.
            Damaged: the vault, or the copy, is damaged; no backup was made.
            VaultError: it cannot be written; or it is a vault on servers, which docs/backup.md tells how
                to back up.
        """
        from memos.operation.commands.backup import backup

        return backup(self._session, directory, keys, check_callable(progress, "progress"))

    @classmethod
    def load(
        cls,
        path: str | Path | Sequence[str | Path],
        into: str | Path,
        *,
        actor: str = DEFAULT_ACTOR,
        passphrase: str | None = None,
        recipient_key: str | bytes | None = None,
        verifier_key: str | None = None,
        clock: Callable[[], int] = system_time,
        governor: Governor | None = None,
        progress: Progress = no_progress,
    ) -> Self:
        """Open the vault `into` with what an export holds; `load_report` says what was done.

        A new vault is made where there is none: same digest, versions, positions and log times.
        Where `into` is the settings file of a distributed vault, the servers must hold nothing of
        it yet and its workers must not run; interrupted, it goes on where it was when called again.
        A vault that is there keeps what it has, as in `import_export`; cubes that it refused
        are in `load_report.refused`, and a warning says so.

        Args:
            path: the export, a directory or a file; or a list of it and of the increments that go on
                from it, in their order, all wrapped to the same passphrase or recipient.
            into: the vault's directory, or its settings file.
            actor: on whose behalf; who makes a vault administers it.
            passphrase: what the keys are wrapped to.
            recipient_key: the private half of what the keys are wrapped to.
            verifier_key: accept only an export of the vault with this key.
            clock: microseconds since 1970; for tests.
            governor: decides in the place of the rules of the headers, of a vault that is there.
            progress: told (done, total).

        Raises:
            Refused: the export is damaged, forged, or not for this key, or an increment does not go
                on from what is before it; nothing is left behind. Or the servers hold something else.
            Denied: the vault is there, and the actor does not administer it.
        """
        from memos.operation.commands.load import (
            ExportSource,
            import_export,
            make_vault_of,
            warn_of_refused,
        )

        source = ExportSource(
            paths=check_paths(path),
            passphrase=passphrase,
            recipient_key=recipient_key,
            verifier_key=verifier_key,
        )
        report = make_vault_of(
            source,
            check_path(into, "into"),
            actor=actor,
            clock=check_clock(clock),
            progress=check_callable(progress, "progress"),
        )
        memory = cls(into, actor=actor, clock=clock, governor=governor)
        try:
            memory.load_report = report or import_export(memory._session, source, progress)
        except BaseException:
            memory.close()
            raise
        warn_of_refused(memory.load_report)
        return memory

    def import_export(
        self,
        path: str | Path | Sequence[str | Path],
        *,
        passphrase: str | None = None,
        recipient_key: str | bytes | None = None,
        verifier_key: str | None = None,
        progress: Progress = no_progress,
    ) -> LoadReport:
        """Take the memories of an export into this vault, in one transaction.

        Cubes that were erased here, whose subject was erased here since, that derive from one of
        these, or that have another history here, are refused; the report names them. What the
        export says is erased is erased here, too, whatever became of it, with what was made of it
        here; what is held of that goes with the first sweep once its hold is lifted. Repeated, it
        changes nothing.

        Args:
            path: the export, a directory or a file; or a list as `load` takes it.
            passphrase: what the keys are wrapped to.
            recipient_key: the private half of what the keys are wrapped to.
            verifier_key: accept only an export of the vault with this key.
            progress: told (done, total).

        Raises:
            Refused: the export is damaged, forged, or not for this key; nothing was taken.
            Denied: the actor administers not every tenant of the export; nothing was taken.
        """
        from memos.operation.commands.load import ExportSource, import_export

        source = ExportSource(
            paths=check_paths(path),
            passphrase=passphrase,
            recipient_key=recipient_key,
            verifier_key=verifier_key,
        )
        return import_export(self._session, source, check_callable(progress, "progress"))

    def import_file(
        self,
        path: str | Path | Iterable[str | Path],
        *,
        scope: str,
        format: str = "auto",  # noqa: A002 - the field's word
        root: str | None = None,
        subject: str | None = None,
        tags: Iterable[str] = (),
        timezone: str = "UTC",
        prune: bool = False,
        yes: bool = False,
        again: bool = False,
        dry_run: bool = False,
        skip_bad: bool = False,
        progress: Progress = no_progress,
    ) -> ImportReport:
        """Remember what another program wrote, one memory an item; importing it again takes over what
        has changed since.

        Everything is checked before anything is written. An item is known again by its own id, else by
        its file and the headings above it, else by its file and what it says: one that changed is a new
        version of its memory, one that was moved keeps its history, and for one that is as it was
        nothing is written. Cut off, it goes on where it was when it is called again.

        Args:
            path: a file, or a folder of Markdown; or several.
            scope: where the memories go; formats with several conversations make scopes under it.
            format: markdown, jsonl, messages, chatgpt, claude, mem0, ...: docs/importers.md lists
                them, with what each keeps; `auto` tells a file's format by its shape.
            root: a name for what is imported, such as `handbook`: it is the same wherever its files
                lie. By default it is the path on this machine.
            subject: whom the memories are about, where the file does not say it.
            tags: of every memory, beside its own.
            timezone: of times that name none, such as `Europe/Oslo`.
            prune: archive the memories from the same root that are no longer there.
            yes: also where these are more than a fifth of all from there.
            again: bring back what was erased, archived or undone since it was imported.
            dry_run: write nothing, and say what would be done.
            skip_bad: leave out what cannot be read, and import the rest.
            progress: told (done, total).

        Raises:
            Refused: items cannot be read, and the message names them by line or item; or there are
                none; or `prune` would archive too much. Nothing was written.
        """
        from memos.operation.commands.import_file import ImportRequest, import_file

        request = ImportRequest(
            path=path,
            scope=scope,
            format=format,
            root=root,
            subject=subject,
            tags=tags,
            timezone=timezone,
            prune=prune,
            yes=yes,
            again=again,
            dry_run=dry_run,
            skip_bad=skip_bad,
        )
        return import_file(self._session, request, check_callable(progress, "progress"))

    def migrated_from(self) -> tuple[Ancestor, ...]:
        """The logs that this vault was moved here from, the oldest first.

        A proof that was made there holds with that log's `verifier_key`; `checkpoints` are the last
        ones it signed, over everything that was moved.
        """
        from memos.operation.reads import vault

        return vault.migrated_from(self._session)
