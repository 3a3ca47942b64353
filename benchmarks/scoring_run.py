"""Running a search over conversations: take them in, ask, time, report."""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from benchmarks import harness
from benchmarks.scoring import DEPTH, Conversation, Judged, interval, judge, means
from memos import Memory
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.operation.search.hits import Hit
from memos.operation.search.recipe import RECIPES

TIMED = 10
"""How many hits the timed searches ask for."""


@dataclass
class Run:
    """What one pass over all conversations found, and what it took."""

    judged: list[Judged] = field(default_factory=list)
    found: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Question to its hits: the turn's id and the score, exact, as hexadecimal text."""
    add_times: list[float] = field(default_factory=list)
    search_times: list[float] = field(default_factory=list)
    turns: int = 0
    depth_matters: int = 0
    """Questions whose first ten differ between a search for ten and one for a hundred."""
    index_bytes: int = 0
    vault_bytes: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 over every hit and score."""
        return hashlib.sha256(json.dumps(self.found).encode()).hexdigest()


def run(
    conversations: Sequence[Conversation],
    prefix: str,
    unit: str,
    options: Mapping[str, Any],
    embedder: str,
    reranker: Path | None = None,
) -> Run:
    """Take in all conversations in a new vault, then ask every question.

    Args:
        conversations: one or more.
        prefix: of their scopes.
        unit: what is found, as hits name it in their metadata: `id` or `session`.
        options: further arguments of `search`.
        embedder: the local model, where their recipe needs one.
        reranker: the directory of a cross-encoder.
    """
    done = Run()
    with harness.workshop(prefix) as directory:
        model = embedder_of(options.get("recipe"), embedder)
        with Memory(directory / "vault", embedder=model, reranker=reranker) as memory:
            for each in conversations:
                _take_in(memory, each, prefix, done)
            if model:
                harness.progress("embedding")
                memory.embed_pending()
            for each in conversations:
                harness.progress(f"asking {each.name}: {len(each.questions)} questions")
                _ask(memory, each, prefix, unit, options, done)
            database = memory.path / DATABASE_FILE
        done.index_bytes = index_bytes(database)
        done.vault_bytes = sum(file.stat().st_size for file in database.parent.iterdir())
    return done


def embedder_of(name: object, embedder: str) -> str | None:
    """The local model where the recipe of a name needs one."""
    recipe = RECIPES.get(str(name))
    return embedder if recipe is not None and recipe.dense else None


def _take_in(memory: Memory, conversation: Conversation, prefix: str, done: Run) -> None:
    scope = f"{prefix}/{conversation.name}"
    for session in conversation.sessions:
        start = time.perf_counter()
        memory.add_conversation(session.turns, scope=scope, session=session.name, at=session.at)
        done.add_times.append(time.perf_counter() - start)
        done.turns += len(session.turns)


def _ask(
    memory: Memory,
    conversation: Conversation,
    prefix: str,
    unit: str,
    options: Mapping[str, Any],
    done: Run,
) -> None:
    def search(text: str, k: int) -> list[Hit]:
        return memory.search(text, scope=f"{prefix}/{conversation.name}", k=k, **options)

    for question in conversation.questions:
        start = time.perf_counter()
        first = search(question.text, TIMED)
        done.search_times.append(time.perf_counter() - start)
        hits = search(question.text, DEPTH)
        done.depth_matters += _exact(first) != _exact(hits[:TIMED])
        done.found[f"{conversation.name}/{question.name}"] = _exact(hits)
        ranked = (str(hit.metadata[unit]) for hit in hits)
        done.judged.append(judge(conversation.name, question, ranked))


def _exact(hits: Iterable[Hit]) -> tuple[tuple[str, str], ...]:
    return tuple((str(hit.metadata["id"]), hit.score.hex()) for hit in hits)


def index_bytes(database: Path) -> int:
    """Bytes of the pages that the index takes in a closed vault's file."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    pages = (
        "SELECT sum(pgsize) FROM dbstat WHERE name GLOB 'index_*' OR name GLOB '*_index_*_[0-9]'"
    )
    size = int(connection.execute(pages).get or 0)
    connection.close()
    return size


def report(done: Run, groups: Mapping[str, Iterable[str]]) -> harness.Report:
    """Rows for the categories asked for, figures for the targets.

    Args:
        done: a run.
        groups: a name, such as `1-4`, and the categories that it puts together.
    """
    told = harness.Report()
    for group, categories in groups.items():
        judged = [one for one in done.judged if one.category in set(categories)]
        if not judged:
            continue
        mean = means(judged)
        told.figures |= {f"{name} {group}": value for name, value in mean.items()}
        bounds = interval(judged)
        if bounds is not None:
            told.figures[f"recall@10 {group} low"], told.figures[f"recall@10 {group} high"] = bounds
        shown = ("recall@1", "recall@5", "recall@10", "recall@20", "any@10", "all@10", "MRR")
        cells: dict[str, Any] = {name: f"{mean[name]:.3f}" for name in shown}
        cells["95 % of recall@10"] = None if bounds is None else "{:.3f}–{:.3f}".format(*bounds)
        told.rows.append({"category": group, "n": len(judged), **cells})
        told.figures[f"n {group}"] = len(judged)
    costs = {
        "search p50 ms": harness.p50(done.search_times),
        "search p95 ms": harness.percentile(done.search_times, 0.95),
        "add p50 ms": harness.p50(done.add_times),
        "add p95 ms": harness.percentile(done.add_times, 0.95),
        "turns added per s": done.turns / sum(done.add_times),
        "index bytes": done.index_bytes,
        "vault bytes": done.vault_bytes,
    }
    told.figures |= costs
    told.rows.append({"turns": done.turns, **costs})
    told.notes.append(f"a search asks for {TIMED}; an add takes in one session, durable")
    told.notes.append(f"hits and scores: sha256 {done.digest}")
    if done.depth_matters:
        told.notes.append(f"{done.depth_matters} questions: the first ten depend on k")
    return told


def measure(
    name: str,
    given: argparse.Namespace,
    conversations: Sequence[Conversation],
    groups: Mapping[str, Iterable[str]],
    about: Mapping[str, Any],
    unit: str = "id",
) -> int:
    """Run, report and finish; run again where asked to, and compare to the bit. The exit code."""
    options = search_options(given)
    pass_ = partial(run, conversations, name, unit, options, given.embedder, given.reranker)
    done = pass_()
    told = report(done, groups)
    told.notes.append(f"{sum(each.skipped for each in conversations)} questions without evidence")
    unequal: list[str] = []
    if given.twice:
        unequal = differing(done, pass_())
        told.notes.append(f"second run: {len(unequal)} questions differ {' '.join(unequal[:5])}")
    named = {"conversations": [each.name for each in conversations]}
    return finish(name, given, told, done.judged, {**about, **named}) or int(bool(unequal))


def parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """The command line that the retrieval benchmarks share."""
    made = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=(doc or "").partition("\n")[0]
    )
    made.add_argument("--recipe", help="how to search; by default as search itself does")
    made.add_argument("--embedder", default="minilm", help="the model of recipes with meaning")
    made.add_argument(
        "--reranker", type=Path, help="a cross-encoder's directory, for recipes with +rerank"
    )
    made.add_argument("--twice", action="store_true", help="run again; exit 1 unless bit-equal")
    made.add_argument("--json", type=Path, help="keep the figures, and each rank, in this file")
    made.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    return made


def search_options(given: argparse.Namespace) -> dict[str, Any]:
    """What the command line adds to every search."""
    return {} if given.recipe is None else {"recipe": given.recipe}


def finish(
    name: str,
    given: argparse.Namespace,
    told: harness.Report,
    questions: Sequence[Any],
    about: Mapping[str, Any],
) -> int:
    """Print the tables, keep the JSON where asked for, check the targets; the exit code.

    Targets stand under the benchmark's name, and under `name-recipe` where a recipe is given.
    """
    listed = harness.targets("-".join(filter(None, (name, given.recipe))), full=False)
    judged = [harness.judge(target, told.figures) for target in listed]
    kept = {
        "benchmark": name,
        "recipe": given.recipe,
        "embedder": embedder_of(given.recipe, given.embedder),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
        "hardware": harness.hardware(),
        "rows": told.rows,
        "figures": told.figures,
        "targets": judged,
        "notes": told.notes,
    }
    harness.show(kept)
    if given.json is not None:
        kept["questions"] = [asdict(each) for each in questions]
        given.json.write_text(json.dumps(kept, indent=1) + "\n")
    if given.check and not listed:
        print("there is nothing to check: targets.toml lists no target for this")
    return 1 if given.check and not (listed and all(each["met"] for each in judged)) else 0


def differing(one: Run, other: Run) -> list[str]:
    """The questions whose hits or scores, to the last bit, are not the same in two runs."""
    return [
        name for name in one.found | other.found if one.found.get(name) != other.found.get(name)
    ]
