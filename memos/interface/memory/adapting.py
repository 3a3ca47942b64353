"""Calls that turn memories into adapters of a model, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from memos.infrastructure.progress import Progress, no_progress
from memos.interface.memory.door import Door
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import id_text
from memos.kernel.scope import check_scope
from memos.operation.validation import check_callable, check_flag, check_id, check_list

if TYPE_CHECKING:
    from memos.infrastructure.chat_models.adapting import AdaptingModel, DistillationSettings
    from memos.operation.adapters.adapter import Adapter, AdapterDetails
    from memos.operation.adapters.backpatch import Backpatched
    from memos.operation.adapters.distillation import Distillation
    from memos.operation.adapters.rebuilt import RebuiltAdapter
    from memos.operation.commands.rollback import Rollback
    from memos.operation.erasure_receipt import ErasureReceipt
    from memos.operation.receipt import Receipt

MOST_SECONDS = 10_000_000


class AdaptingCalls(Door):
    """Calls that turn memories into adapters of a model, and back. See `Memory`."""

    def distil(
        self,
        cube_ids: Iterable[str],
        *,
        scope: str,
        model: AdaptingModel,
        settings: DistillationSettings | None = None,
        distractors: Iterable[str] | None = None,
        seconds: float | None = None,
        dry_run: bool = False,
        progress: Progress = no_progress,
    ) -> Distillation:
        """Plaintext and activation to parametric: have a model learn memories as a LoRA adapter, so that it
        answers from them without reading them.

        What it learnt is measured, and kept only where it passes: the memories are answered from, others and
        what the model knew before stay as they were. A cube says with which memories at which versions it was
        made, on which model, how, and what was measured. It may be read by whoever may read all of them; what
        undoes or erases one of them reaches it. Where the same is there already, nothing is trained.

        A `chat` with the model uses it, as long as every memory that it was made with is as it was and to be
        shown to who asks: from the moment on that one is not, the memories are read as text.

        Args:
            cube_ids: memories of the scope, of one policy: the same readers, sensitivity and purpose.
            scope: of the memories, and of the cube.
            model: one that learns: a `LocalLearner` on this machine, or a `RayPool` beside distillers.
            settings: how it is trained, and what it must reach.
            distractors: memories that it is asked about, too, while it is trained, and is not to learn; by default
                some of the scope are drawn, and of what other adapters hold.
            seconds: how long the training may take.
            dry_run: only tell which memories it would be made with.
            progress: called with (steps taken, of how many) now and then.

        Raises:
            InvalidInput: a memory is not to be shown there, or there are too many.
            DistillationRefused: there is nothing that can be learnt, the memories contradict each other or are
                of several policies, or training broke down. What was trained and did not pass is no error: see
                `Distillation.promoted`.
            Conflict: a memory was changed while it was learnt.
            TeacherUnavailable: the model has no such teacher as the settings name, or it failed.
            ModelUnavailable: the model cannot be asked.
        """
        from memos.infrastructure.chat_models import check_adapting_model
        from memos.infrastructure.chat_models.adapting import DistillationSettings
        from memos.operation.adapters.distil import distil
        from memos.operation.adapters.distillation import DistilRequest

        request = DistilRequest(
            scope=check_scope(scope),
            cube_ids=_checked_ids(cube_ids, "cube_ids"),
            distractors=None if distractors is None else _checked_ids(distractors, "distractors"),
            model=check_adapting_model(model),
            settings=DistillationSettings() if settings is None else checked_settings(settings),
            seconds=checked_seconds(seconds, "seconds"),
            progress=check_callable(progress, "progress"),
        )
        return distil(self._session, request, dry_run=check_flag(dry_run, "dry_run"))

    def adapters(self, scope: str, *, retired: bool = False) -> tuple[Adapter, ...]:
        """The adapters in a scope and under it, the oldest first: those that may answer, and those that may not,
        with the reason.

        Args:
            scope: where to look.
            retired: also those that were retired.
        """
        from memos.operation.adapters.adapter import adapters

        return adapters(self._session, scope, retired=check_flag(retired, "retired"))

    def adapter(self, cube_id: str) -> AdapterDetails:
        """An adapter with its versions and rejections.

        Args:
            cube_id: the adapter.

        Raises:
            InvalidInput: it is no adapter, or was erased.
            NotFound, Denied: there is none, or the actor may not read it.
        """
        from memos.operation.adapters.adapter import adapter

        return adapter(self._session, cube_id)

    def retire(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """End an adapter: its cube is archived, and the models of this process let go of it. The memories stay as
        they are, and are answered from as text.

        Args:
            cube_id: the adapter.
            expected_version: refuse if the cube is at another version.

        Raises:
            InvalidInput: it is no adapter.
            NotFound, Denied: there is none, or the actor may not write it.
            IllegalMove: it was retired before.
        """
        from memos.operation.adapters.retire import retire

        return retire(self._session, cube_id, expected_version)

    def retire_outdated(self, scope: str) -> tuple[Receipt, ...]:
        """Retire the adapters in a scope and under it that can answer nobody any more, since a memory that they
        were made with is not as it was. No answer was made from one since: this is housekeeping.

        Args:
            scope: where to look.
        """
        from memos.operation.adapters.retire import retire_outdated

        return retire_outdated(self._session, scope)

    def rebuild_adapter(
        self,
        cube_id: str,
        *,
        model: AdaptingModel,
        settings: DistillationSettings | None = None,
        progress: Progress = no_progress,
    ) -> Distillation:
        """Make an adapter again from the base model and the log: of its memories as they are now, without those
        that are gone. It is how a memory is taken out of an adapter, and how one moves to another base model.

        On the same memories and base it is the next version; else a cube of its own, whose `parent` says what it
        takes the place of, and on the same base the former is retired.

        Args:
            cube_id: the adapter, also one that was erased along with a memory.
            model: what learns, the former base or another one.
            settings: how; by default as before.
            progress: called with (steps taken, of how many) now and then.

        Raises:
            InvalidInput: it is no adapter.
            NotFound, Denied: there is none, or the actor may not write it.
            DistillationRefused, Conflict, TeacherUnavailable, ModelUnavailable: as of `distil`. A teacher that
                the former settings name is asked again.
        """
        from memos.infrastructure.chat_models import check_adapting_model
        from memos.operation.adapters.rebuild import rebuild

        return rebuild(
            self._session,
            cube_id,
            check_adapting_model(model),
            None if settings is None else checked_settings(settings),
            check_callable(progress, "progress"),
        )

    def rebuilt_adapters(self, receipt: ErasureReceipt) -> tuple[RebuiltAdapter, ...]:
        """What took the place of the adapters that an erase ended, and when.

        Args:
            receipt: of the erase.
        """
        from memos.operation.adapters.rebuilt import rebuilt_adapters

        return rebuilt_adapters(self._session, receipt)

    def promote(self, cube_id: str, version: int) -> Rollback:
        """Have an adapter answer with another version of it, without training: a pointer moves.

        Args:
            cube_id: the adapter.
            version: one that was promoted.

        Raises:
            InvalidInput: it is no adapter.
            NotFound, Denied: there is no such version, or the actor may not write it.
            IllegalMove: a memory of that version is not as it was, or the adapter is retired.
        """
        from memos.operation.adapters.promote import promote_version

        return promote_version(self._session, cube_id, version)

    def backpatch(self, cube_id: str, *, model: AdaptingModel) -> tuple[Backpatched, ...]:
        """Parametric to plaintext: ask an adapter what it holds, and write that as memories, for one that is used
        rarely, or is retired. Each is derived from the adapter; its metadata has the question, and how sure the
        adapter is (`confidence`, from 0 to 1).

        Args:
            cube_id: the adapter.
            model: that has it.

        Raises:
            InvalidInput: it is no adapter.
            NotFound, Denied: there is none, or the actor may not read it and what it was made of.
            IllegalMove: it holds nothing.
            ModelUnavailable: the model does not have it.
        """
        from memos.infrastructure.chat_models import check_adapting_model
        from memos.operation.adapters.backpatch import backpatch

        return backpatch(self._session, cube_id, check_adapting_model(model))


def _checked_ids(given: object, name: str) -> tuple[str, ...]:
    return tuple(id_text(check_id(each)) for each in check_list(given, name))


def checked_settings(settings: object) -> DistillationSettings:
    """How something is to be distilled."""
    from memos.infrastructure.chat_models.adapting import DistillationSettings

    if not isinstance(settings, DistillationSettings):
        raise InvalidInput(f"settings must be DistillationSettings, not {shorten(settings)}")
    return settings


def checked_seconds(seconds: Any, name: str) -> float | None:
    """A number of seconds, or none."""
    if seconds is None:
        return None
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds <= MOST_SECONDS:
        raise InvalidInput(
            f"{name} must be a number above 0, and at most {MOST_SECONDS:,}, not {shorten(seconds)}"
        )
    return float(seconds)
