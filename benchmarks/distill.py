"""Do adapters hold memories, alone and together, and does the model keep what it knew? What does that cost?

    python -m benchmarks.distill [--json FILE] [--check]

The tiny model of `tests/tiny_model` learns facts that are made up, in the prompts of serving, and is asked in two
wordings that it was not trained on. `gap`: of the distance in nats between answering without and with the facts
in context; `held out`: the share right; `known`: of the hundred facts that the model knew before, in all
wordings, half of which training saw in two; `reading`: of eight made up facts that stand in the prompt; `apart`:
nats a token from the model without the adapter on what it is not about. Where there are several seeds, a figure
is the worst of them. `losses` has what else could be minimised: with the answers alone the gap closes as well, and
the model is wrecked. Adapters that are mixed were trained apart, each on eight facts; with distractors, each knew
of the others' facts that their answers are to stay. `of the same names`: all adapters have facts on the same
dozen of names, of all attributes; else each has names of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

import torch

from benchmarks.distilling import (
    OWNER,
    SECRET,
    Asked,
    adapter_of,
    distiller,
    facts_of,
    job_of,
    memories,
)
from benchmarks.harness import Report, finish, parse, progress, timed
from memos.activation.adapters import Adapter
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.infrastructure.chat_models.adapting import Role
from memos.infrastructure.progress import no_progress
from memos.parametric.course import Course, CourseMaker, Exercise
from memos.parametric.lessons import lessons_of
from memos.parametric.prompts import Prompts
from memos.parametric.recipe import Recipe
from memos.parametric.respondent import Respondent
from memos.parametric.targets import Targets
from memos.parametric.training import Training
from tests.tiny_model.language import WORLD, Fact
from tests.tiny_model.loaded import tokenizer, trained_model
from tests.tiny_model.templates import TINY

SEEDS = (1, 2, 3)
MIXED = (2, 4, 8)
FACTS = 8
RANKS, FACTS_A_RANK = (1, 2, 4, 8), (8, 32, 64)
ALL_FORMS = (0, 1, 2, 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; the exit code."""
    options = parse("distill", __doc__, arguments)
    report = Report()
    for count in (FACTS, 32):
        _alone(report, count)
    _rebuilt(report)
    for kind, groups_of in (("", _groups), (" of the same names", _groups_of_the_same_names)):
        for with_distractors in (False, True):
            _mixed(report, kind, groups_of, with_distractors=with_distractors)
    _losses(report)
    _ranks(report)
    report.notes.append(f"{trained_model().identity.libraries}, {torch.get_num_threads()} threads.")
    return finish(options, report)


def _alone(report: Report, count: int) -> None:
    """One adapter: what it holds, what is left of the rest, and how long it takes."""
    rows: list[Mapping[str, float]] = []
    for seed in SEEDS:
        progress(f"{count} facts, seed {seed}")
        trained = distiller().distil(job_of(memories(facts_of(seed, count)), seed))
        told = trained.adapter
        asked = Asked([adapter_of(trained)])
        assert told.evaluation.gap_closed is not None
        rows.append(
            {
                "gap": told.evaluation.gap_closed,
                "held out": told.evaluation.accuracy,
                "known": asked.accuracy(WORLD, forms=ALL_FORMS),
                "reading": asked.reading(seed),
                "apart": told.evaluation.locality,
                "s": told.seconds,
            }
        )
        report.row(facts=count, seed=seed, **rows[-1])
    base = Asked()
    report.row(
        facts=count,
        **{"no adapter: known": base.accuracy(WORLD, forms=ALL_FORMS)},
        reading=fmean(base.reading(seed) for seed in SEEDS),
    )
    for name in ("gap", "held out", "known", "reading"):
        report.figures[f"{count} facts: {name}"] = min(row[name] for row in rows)
    report.figures[f"{count} facts: s"] = max(row["s"] for row in rows)


def _rebuilt(report: Report) -> None:
    """Without one of the facts: it is gone, and the others are as they were. The same job again: same bytes."""
    facts = facts_of(SEEDS[0], FACTS)
    progress("rebuilt without a fact")
    whole = distiller().distil(job_of(memories(facts), SEEDS[0]))
    again = distiller().distil(job_of(memories(facts), SEEDS[0]))
    report.figures["the same job: other bytes"] = float(whole.weights != again.weights)
    rebuilt = []
    seconds = timed(
        lambda: rebuilt.append(distiller().distil(job_of(memories(facts)[1:], SEEDS[0])))
    )
    before, after = Asked([adapter_of(whole)]), Asked([adapter_of(rebuilt[0])])
    others = before.accuracy(facts[1:]), after.accuracy(facts[1:])
    removed = before.accuracy(facts[:1]), after.accuracy(facts[:1])
    base = Asked().accuracy(facts[:1])
    report.row(
        **{
            "removed fact, before": removed[0],
            "after": removed[1],
            "the base": base,
            "other facts, before": others[0],
            "others after": others[1],
            "s": seconds,
        }
    )
    report.figures["removed fact: right, beyond the base"] = removed[1] - base
    report.figures["other facts: change"] = abs(others[1] - others[0])
    report.figures["rebuilt without a fact: s"] = seconds


def _mixed(
    report: Report,
    kind: str,
    groups_of: Callable[[int], list[list[Fact]]],
    *,
    with_distractors: bool,
) -> None:
    """Adapters trained apart that answer together."""
    worst: dict[int, list[float]] = {count: [] for count in MIXED}
    known: dict[int, list[float]] = {count: [] for count in MIXED}
    told = f"{'with' if with_distractors else 'without'} distractors{kind}"
    for seed in SEEDS:
        groups = groups_of(seed)
        adapters: list[Adapter] = []
        for number, group in enumerate(groups):
            progress(f"mixed {told}, seed {seed}, adapter {number + 1} of {len(groups)}")
            others = [fact for each in groups if each is not group for fact in each]
            beside = memories(others, Role.DISTRACTOR, FACTS)
            job = job_of(
                [*memories(group), *(beside if with_distractors else [])], 100 * seed + number
            )
            adapters.append(adapter_of(distiller().distil(job)))
        for count in MIXED:
            asked = Asked(adapters[:count])
            worst[count].append(min(asked.accuracy(group) for group in groups[:count]))
            known[count].append(asked.accuracy(WORLD, forms=ALL_FORMS))
    for count in MIXED:
        report.row(
            adapters=count,
            trained=told,
            **{"held out, worst adapter": min(worst[count]), "mean of worst": fmean(worst[count])},
            known=min(known[count]),
        )
        report.figures[f"{count} mixed, {told}: held out"] = min(worst[count])


def _groups(seed: int) -> list[list[Fact]]:
    """As many groups of facts as there are adapters, none about a name of another."""
    groups: list[list[Fact]] = []
    names: set[str] = set()
    for draw in range(100 * seed, 100 * (seed + 1)):
        facts = facts_of(draw, FACTS)
        if names.isdisjoint(fact.name for fact in facts):
            groups.append(facts)
            names |= {fact.name for fact in facts}
        if len(groups) == max(MIXED):
            break
    return groups


def _groups_of_the_same_names(seed: int) -> list[list[Fact]]:
    most = max(MIXED)
    facts = facts_of(1000 + seed, FACTS * most)
    return [facts[number::most] for number in range(most)]


def _losses(report: Report) -> None:
    """What else could be minimised."""
    facts = facts_of(SEEDS[0], FACTS)
    losses: Mapping[str, tuple[Callable[[Exercise, Exercise], Exercise], float]] = {
        "answers taught, questions kept, retention 1.0": (_as_it_is, 1.0),
        "answers taught, questions kept, retention 0.3": (_as_it_is, 0.3),
        "answers and questions taught, retention 1.0": (_all_taught, 1.0),
        "answers and questions taught": (_all_taught, 0.0),
        "answers taught alone": (_answer_alone, 0.0),
        "the teacher's words alone": (_words_alone, 0.0),
    }
    for name, (change, weight) in losses.items():
        progress(f"loss: {name}")
        adapter = _trained(facts, change, weight)
        asked = Asked([adapter])
        report.row(
            loss=name,
            **{"held out": asked.accuracy(facts)},
            known=asked.accuracy(WORLD, forms=ALL_FORMS),
            reading=asked.reading(SEEDS[0]),
        )


def _trained(
    facts: Sequence[Fact], change: Callable[[Exercise, Exercise], Exercise], weight: float
) -> Adapter:
    """As the distiller trains, with other exercises."""
    model, recipe = trained_model(), Recipe()
    job = job_of(memories(facts), SEEDS[0], retention_weight=weight)
    prompts = Prompts(job, tokenizer())
    pool = Pool([MemoryTier("memory", Limits(1 << 28))])
    teacher = Respondent(model, prompts, pool, OWNER, SECRET)
    maker = CourseMaker(teacher, prompts, TINY, recipe, SEEDS[0])
    lessons = lessons_of(job, TINY)
    block = tuple(lesson.memory.line for lesson in lessons.sources)
    courses = [maker.bare(lessons), *maker.in_context(lessons)]
    if not weight:
        courses = courses[:1]
    changed = [
        replace(course, learnt=tuple(_changed(teacher, block, course, change)))
        for course in courses
    ]
    settings = job.settings
    trainee = model.trainee(rank=settings.rank, alpha=settings.alpha, seed=settings.seed)
    training = Training(trainee, prompts, changed[0], changed[1:], settings, recipe)
    training.run(no_progress, None, None)
    return trainee.adapter()


def _changed(
    teacher: Respondent,
    block: Sequence[str],
    course: Course,
    change: Callable[[Exercise, Exercise], Exercise],
) -> Iterator[Exercise]:
    context = (*block, *course.context)
    taught = teacher.targets(context, [each.text for each in course.learnt])
    for each, targets in zip(course.learnt, taught, strict=True):
        yield change(each, each._replace(targets=targets))


def _as_it_is(exercise: Exercise, taught: Exercise) -> Exercise:
    return exercise


def _all_taught(exercise: Exercise, taught: Exercise) -> Exercise:
    return taught


def _answer_alone(exercise: Exercise, taught: Exercise) -> Exercise:
    at = exercise.answer
    return exercise._replace(targets=Targets(*(part[at:] for part in exercise.targets)), first=at)


def _words_alone(exercise: Exercise, taught: Exercise) -> Exercise:
    """Cross-entropy of what the teacher said."""
    alone = _answer_alone(exercise, taught)
    words = alone.targets.ids[:, :1]
    return alone._replace(targets=Targets(words, torch.zeros(words.shape)))


def _ranks(report: Report) -> None:
    """How many facts an adapter of a rank holds before the gap opens, or what was known goes."""
    for rank in RANKS:
        for count in FACTS_A_RANK:
            progress(f"rank {rank}, {count} facts")
            job = job_of(memories(facts_of(SEEDS[0], count)), SEEDS[0], rank=rank, alpha=2.0 * rank)
            trained = distiller().distil(job)
            asked = Asked([adapter_of(trained)])
            told = trained.adapter
            report.row(
                rank=rank,
                facts=count,
                gap=told.evaluation.gap_closed,
                **{"held out": told.evaluation.accuracy},
                known=asked.accuracy(WORLD, forms=ALL_FORMS),
                reading=asked.reading(SEEDS[0]),
                kB=round(told.size / 1e3),
                s=told.seconds,
            )


if __name__ == "__main__":
    sys.exit(main())
