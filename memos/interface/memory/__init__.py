"""Memory: the whole of what a caller of a vault needs, each call thin onto operation.

Its calls stand in files, a family each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, get_args

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import Mode, Wait, open_engine
from memos.infrastructure.governance.decision import Subject
from memos.infrastructure.progress import Progress, no_progress
from memos.interface.actor import DEFAULT_ACTOR
from memos.interface.memory.adapting import AdaptingCalls
from memos.interface.memory.adding import AddingCalls
from memos.interface.memory.administering import AdministeringCalls
from memos.interface.memory.changing import ChangingCalls
from memos.interface.memory.changing_several import ChangingSeveralCalls
from memos.interface.memory.chatting import ChattingCalls
from memos.interface.memory.following import FollowingCalls
from memos.interface.memory.forming import FormingCalls
from memos.interface.memory.gathering import GatheringCalls
from memos.interface.memory.learning import LearningCalls
from memos.interface.memory.listing import ListingCalls
from memos.interface.memory.proving import ProvingCalls
from memos.interface.memory.reading import ReadingCalls
from memos.interface.memory.searching import SearchingCalls
from memos.interface.memory.states import StateCalls
from memos.interface.memory.tagging import TaggingCalls
from memos.interface.memory.transferring import TransferringCalls
from memos.interface.memory.undoing import UndoingCalls
from memos.interface.plain_arguments import takes_plain_arguments
from memos.interface.told import told_when_cut_off
from memos.kernel.errors import InvalidInput
from memos.operation.session import Session
from memos.operation.validation import (
    check_callable,
    check_choice,
    check_clock,
    check_duration,
    check_flag,
    check_governor,
    check_name,
    check_path,
    check_paths,
    check_tenant,
)

if TYPE_CHECKING:
    from memos.infrastructure.governance.decision import Governor
    from memos.infrastructure.index.models.embedders import Embedder
    from memos.infrastructure.index.models.rerankers import Reranker
    from memos.infrastructure.transfer.load.loader import LoadReport


def _embedder(named: Embedder | str) -> Embedder | None:
    from memos.infrastructure.index.models.embedders import embedder_named

    return embedder_named(named)


def _reranker(named: Reranker | str | Path) -> Reranker | None:
    from memos.infrastructure.index.models.rerankers import reranker_from

    return reranker_from(named)


@told_when_cut_off
@takes_plain_arguments
class Memory(
    AddingCalls,
    ChangingCalls,
    ChangingSeveralCalls,
    StateCalls,
    ReadingCalls,
    ListingCalls,
    SearchingCalls,
    GatheringCalls,
    ChattingCalls,
    FormingCalls,
    AdaptingCalls,
    LearningCalls,
    TaggingCalls,
    FollowingCalls,
    UndoingCalls,
    AdministeringCalls,
    ProvingCalls,
    TransferringCalls,
):
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
                self._session.access_log.end_outlived(clock())
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

    @property
    def reach(self) -> tuple[str, ...]:
        """The scopes that this vault is narrowed to: those of an API key, or a tenant; empty for no bound."""
        subject = self._session.subject
        if subject.scopes:
            return subject.scopes
        return (subject.tenant,) if subject.tenant else ()

    def as_actor(self, actor: str, *, tenant: str | None = None) -> Self:
        """The same open vault on behalf of another actor, without opening it again.

        What comes back works until this vault is closed; closing it lets go of nothing. Whoever
        holds an open vault may name any actor, as who opens one may.

        Args:
            actor: on whose behalf.
            tenant: narrow everything to one tenant; by default as this one is.

        Raises:
            InvalidInput: this one is narrowed to another tenant already, or is an API key's.
        """
        check_name(actor, "actor")
        subject = self._session.subject
        if subject.actions is not None:
            raise InvalidInput(
                "this vault is used by an API key, and nobody else comes to it by that: open the vault "
                "anew"
            )
        own = subject.tenant
        narrowed = own if tenant is None else check_tenant(tenant)
        if own and narrowed != own:
            raise InvalidInput(
                f"this vault was opened with tenant={own!r}, and nobody who works on it comes to "
                f"{narrowed!r}: open the vault anew"
            )
        return self._for_session(self._session.for_subject(Subject(actor, narrowed)))

    def as_api_key(self, key: str) -> Self:
        """The same open vault on behalf of an API key's actor, narrowed to the key's tenant, if it has
        one, actions and scopes, without opening it again.

        A key that was revoked is refused at once, and within a quarter of a second where another
        process revoked it. What comes back asks about its key at each call, and before each piece of
        an answer that comes piece by piece: from then on these raise Unauthenticated, too. Closing it
        lets go of nothing.

        Args:
            key: the text that `create_api_key` told.

        Raises:
            Unauthenticated: the key is malformed, unknown, expired or revoked.
        """
        from memos.operation.commands.authenticate import as_api_key

        return self._for_session(as_api_key(self._session, key))

    def _for_session(self, session: Session) -> Self:
        other = copy(self)
        other._session = session
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
