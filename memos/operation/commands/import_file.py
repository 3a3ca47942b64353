"""Importing files again and again: what is new is added, what changed gets a new version, and what is
missing is told, and archived where that is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.importers import FORMATS
from memos.infrastructure.transfer.importers.times import zone_of
from memos.kernel.errors import InvalidInput, Refused
from memos.kernel.event import id_text
from memos.kernel.scope import check_scope
from memos.operation.commands.import_done import Done
from memos.operation.commands.import_items import Given, Items, each_wanted, read_items
from memos.operation.commands.import_keys import NewKeys
from memos.operation.commands.import_links import Links
from memos.operation.commands.import_matches import Matcher
from memos.operation.commands.import_plan import REFUSING, Doing, ItemStep, Judge
from memos.operation.commands.import_prune import check_prune, staying
from memos.operation.commands.import_roots import Root, roots
from memos.operation.commands.import_run import ImportRun
from memos.operation.commands.imported import Imported, Marks
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.operation.validation import (
    check_choice,
    check_flag,
    check_list,
    check_name,
    check_names,
    check_path,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What is to be imported, and how. See `Memory.import_file`.

    Raises:
        InvalidInput: an argument does not fit.
    """

    path: str | Path | Iterable[str | Path]
    scope: str
    format: str = "auto"
    root: str | None = None
    subject: str | None = None
    tags: Iterable[str] = ()
    timezone: str = "UTC"
    prune: bool = False
    yes: bool = False
    again: bool = False
    dry_run: bool = False
    skip_bad: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "scope", check_scope(self.scope))
        check_choice(self.format, ("auto", *FORMATS), "format")
        paths = [self.path] if isinstance(self.path, (str, Path)) else check_list(self.path, "path")
        put(self, "path", tuple(check_path(path) for path in paths))
        if not self.path:
            raise InvalidInput("path names no file: pass at least one")
        for name in ("root", "subject"):
            if getattr(self, name) is not None:
                put(self, name, check_name(getattr(self, name), name))
        if self.root is not None and (
            self.root.startswith("/") or self.root != self.root.strip("/")
        ):
            raise InvalidInput("root is a name such as handbook, without a slash at its ends")
        put(self, "tags", check_names(self.tags, "tags"))
        zone_of(self.timezone)
        for name in ("prune", "yes", "again", "dry_run", "skip_bad"):
            check_flag(getattr(self, name), name)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders."""
        return tuple(path for path in self.path if isinstance(path, Path))  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or (`dry_run`) would do.

    Attributes:
        format: the format; of several files, all of theirs.
        added: how many memories are new.
        changed: how many have a new version, or came back into sight.
        moved: how many of these were found elsewhere before.
        unchanged: how many are as they were: nothing was written for them.
        removed: the sources of memories in sight that came from the same root and are no longer there.
        archived: how many of these were archived.
        withheld: how many items have a memory that was erased, archived or undone since: it stays so
            unless `again` brings it back.
        skipped: what held no memory or is withheld, and why.
        refused: items that were not imported, and why.
        not_kept: what the formats have that is not kept, and how many times.
        scopes: where the memories are.
        cube_ids: of the memories that items are, in the order of the files.
        dry_run: nothing was written.
    """

    format: str
    added: int
    changed: int
    moved: int
    unchanged: int
    removed: tuple[str, ...]
    archived: int
    withheld: int
    skipped: tuple[str, ...]
    refused: tuple[str, ...]
    not_kept: Mapping[str, int]
    scopes: tuple[str, ...]
    cube_ids: tuple[str, ...]
    dry_run: bool = False

    @property
    def present(self) -> int:
        """How many were imported before: those that changed and those that did not."""
        return self.changed + self.unchanged


@dataclass(slots=True)
class _Plan:
    """What is to be done with the items of one format."""

    items: Items
    marks: Marks
    steps: list[ItemStep]
    missing: list[tuple[Imported, str]]
    staying: dict[bytes, str]
    present: int
    there: set[bytes]

    @property
    def archiving(self) -> list[tuple[Imported, str]]:
        """What of the missing `prune` archives."""
        return [one for one in self.missing if one[0].state.cube_id not in self.staying]


def import_file(session: Session, request: ImportRequest, progress: Progress) -> ImportReport:
    """See `Memory.import_file`."""
    given = Given(
        request.scope,
        request.subject,
        tuple(request.tags),
        session.clock(),
        zone_of(request.timezone),
    )
    sources = roots(request.paths, request.root or "")
    by_form = read_items(given, sources, request.format)
    with session.gate.enter("import") as passage:
        scopes = tuple(dict.fromkeys(one.memory.scope for one in each_wanted(by_form)))
        passage.admit()  # of no memory nothing is asked
        for scope in scopes:
            passage.require(Action.CREATE, scope)
        # What could not be read may be what seems to be missing.
        is_whole = not any(items.refused or items.lacking for items in by_form.values())
        plans = [
            _plan(session, passage, request, sources, items, is_whole=is_whole)
            for items in by_form.values()
        ]
        _check(request, plans)
        done, not_kept = Done(), Counter[str]()
        if request.dry_run:
            _foresee(request, done, plans)
        else:
            not_kept += _write(session, passage, request, plans, done, progress)
        for plan in plans:
            not_kept += plan.items.not_kept
            done.refused += plan.staying.values()
        return _report(request, plans, done, scopes, not_kept)


def _plan(
    session: Session,
    passage: Passage,
    request: ImportRequest,
    sources: Sequence[Root],
    items: Items,
    *,
    is_whole: bool,
) -> _Plan:
    marks = Marks(session, items.form, request.scope)
    with session.engine.read() as reader:
        matcher = Matcher(session, passage, reader, marks, sources)
        judge = Judge(session, passage, reader, marks, again=request.again)
        matches = matcher.match(items, request.scope)
        steps = []
        for wanted in items.wanted:
            known = matches.get(wanted.identity)
            body = None if known is None else matcher.body(known)
            steps.append(judge.step(wanted, known, body))
        missing = matcher.missing() if is_whole else []
    steps = NewKeys(session, passage).checked(steps, matcher.there)
    stay = staying(passage, missing) if request.prune else {}
    present = len(missing) + sum(known.is_shown for known in matches.values())
    return _Plan(items, marks, steps, missing, stay, present, matcher.there)


def _check(request: ImportRequest, plans: list[_Plan]) -> None:
    """Go on only where what is asked for can be done whole.

    Raises:
        Refused: items are bad and not to be skipped; there is none at all; or too much is missing.
    """
    bad = [told for plan in plans for told in plan.items.refused]
    unfit = [step for plan in plans for step in plan.steps if step.doing in REFUSING]
    unread = len(bad) + sum(step.doing is Doing.INVALID for step in unfit)
    bad += (step.told for step in unfit)
    if bad and not request.skip_bad:
        raise Refused(_all(bad))
    named = request.root or ", ".join(map(str, request.paths))
    if not any(plan.steps for plan in plans):
        told = [*bad, *(told for plan in plans for told in plan.items.skipped)]
        why = f": {'; '.join(told)}" if told else ""
        raise Refused(f"{named} holds nothing to import{why}")
    if not request.prune:
        return
    check_prune(
        named,
        bad=unread,
        lacking=[told for plan in plans for told in plan.items.lacking],
        missing=sum(len(plan.missing) for plan in plans),
        present=sum(plan.present for plan in plans),
        yes=request.yes,
    )


def _all(bad: list[str]) -> str:
    """One error that names every bad item."""
    if len(bad) == 1:
        return f"{bad[0]}; nothing was imported"
    return f"{len(bad)} items cannot be imported, and nothing was: {'; '.join(bad)}"


def _foresee(request: ImportRequest, done: Done, plans: list[_Plan]) -> None:
    """What would be done."""
    for plan in plans:
        for step in plan.steps:
            done.foresee(step)
        done.archived += len(plan.archiving) if request.prune else 0


def _write(
    session: Session,
    passage: Passage,
    request: ImportRequest,
    plans: list[_Plan],
    done: Done,
    progress: Progress,
) -> Counter[str]:
    """Do it; what of it is not kept."""
    run = ImportRun(session, passage, progress)
    links = Links(session, passage, run.operation_id)
    total = sum(len(plan.steps) for plan in plans)
    for plan in plans:
        run.write(done, plan.marks, plan.steps, plan.there, total=total)
        links.write(plan.marks, plan.steps, done.cube_ids)
        if request.prune:
            run.archive(done, plan.marks, plan.archiving)
    done.refused += links.refused
    return links.not_kept


def _report(
    request: ImportRequest,
    plans: list[_Plan],
    done: Done,
    scopes: tuple[str, ...],
    not_kept: Mapping[str, int],
) -> ImportReport:
    identities = [wanted.identity for plan in plans for wanted in plan.items.wanted]
    return ImportReport(
        format=", ".join(plan.items.form for plan in plans if plan.items.form),
        added=done.added,
        changed=done.changed,
        moved=done.moved,
        unchanged=done.unchanged,
        removed=tuple(source for plan in plans for _, source in plan.missing),
        archived=done.archived,
        withheld=done.withheld,
        skipped=(
            *(told for plan in plans for told in (*plan.items.skipped, *plan.items.lacking)),
            *done.skipped,
        ),
        refused=(*(told for plan in plans for told in plan.items.refused), *done.refused),
        not_kept=dict(not_kept),
        scopes=scopes,
        cube_ids=tuple(id_text(done.cube_ids[one]) for one in identities if one in done.cube_ids),
        dry_run=request.dry_run,
    )
