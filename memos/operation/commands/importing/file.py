"""Importing files again and again: what is new is added, what changed gets a new version, and what is
missing is told, and archived where that is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.importers.times import zone_of
from memos.kernel.event import id_text
from memos.operation.commands.importing.check import ImportPlan, check
from memos.operation.commands.importing.done import Done
from memos.operation.commands.importing.imported import Marks
from memos.operation.commands.importing.items import Given, Items, each_wanted, read_items
from memos.operation.commands.importing.keys import NewKeys
from memos.operation.commands.importing.links import Links, leading_nowhere
from memos.operation.commands.importing.matches import Matcher
from memos.operation.commands.importing.plan import Judge
from memos.operation.commands.importing.prune import staying
from memos.operation.commands.importing.request import ImportRequest
from memos.operation.commands.importing.roots import Root, roots
from memos.operation.commands.importing.run import ImportRun
from memos.operation.gate import Passage
from memos.operation.session import Session


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
        check(request, plans)
        done, not_kept = Done(), Counter[str]()
        if request.dry_run:
            not_kept += _foresee(request, done, plans)
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
) -> ImportPlan:
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
    return ImportPlan(items, marks, steps, missing, stay, present, matcher.there)


def _foresee(request: ImportRequest, done: Done, plans: list[ImportPlan]) -> Counter[str]:
    """What would be done; what of it would not be kept."""
    not_kept = Counter[str]()
    for plan in plans:
        for step in plan.steps:
            done.foresee(step)
        not_kept += leading_nowhere(plan.steps)
        done.archived += len(plan.archiving) if request.prune else 0
    return not_kept


def _write(
    session: Session,
    passage: Passage,
    request: ImportRequest,
    plans: list[ImportPlan],
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
    plans: list[ImportPlan],
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
