"""Three actors of two tenants try every door; after each step a judge asks what they got by it.

The judge sees the vault as its administrator: the events that a step appended, and each memory that
they changed. It holds them against the oracle: no leak, no change without the right to it, nothing
acknowledged that is not there.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

from memos import (
    ErasureReceipt,
    Forgotten,
    LogEntry,
    MemCube,
    Memory,
    MemosError,
    Position,
    Receipt,
)
from tests.adversary.judge import Judge, Verdict
from tests.adversary.moves import Attempt, Moves
from tests.adversary.oracle import TAINTING, Facts, Flow, Oracle

_WORD = re.compile(r"zq\d+x")
_TOLD = re.compile(rf"{_WORD.pattern}|[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}")
"""The words and ids in what an actor was told."""
ROOT = "user:root"
TENANTS = {"agent:alice": "acme", "agent:bob": "acme", "agent:eve": "rival"}
DAY = 86_400_000_000
START = 1_750_000_000_000_000
INTERRUPTED = 0.06
LATEST_SECONDS = 0.003
LEARNT = frozenset({"Generated", "Linked", "Granted", "Revoked"})
"""The kinds of events by which content flows, or somebody comes to rule."""
REIGN = 150
"""Steps between two changes of who administers a tenant."""


class Clock:
    """The time of every session: it goes on by hours."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class Adversary:
    """One run on one vault.

    Args:
        path: the vault, or the settings file of one.
        seed: of all chance.
        compare_every: steps between two comparisons of the live digest with a rebuild.
        administrator: of the vault; the judge sees by it.
        tenants: the actors, and where each is.
        rebuilds: the vault is this run's own, and may be rebuilt.
        tell: is told of how it stands behind each comparison.
    """

    def __init__(
        self,
        path: Path,
        seed: int,
        *,
        compare_every: int,
        administrator: str = ROOT,
        tenants: Mapping[str, str] = TENANTS,
        rebuilds: bool = True,
        tell: Callable[[Verdict], None] = lambda _: None,
    ) -> None:
        self._tell = tell
        self._rebuilds = rebuilds
        self._path = path
        self._administrator = administrator
        self._tenants = tenants
        self._chance = Random(seed)
        self._compare_every = compare_every
        self._clock = Clock()
        self._oracle = Oracle(dict(tenants))
        self._latest: Position | None = None
        self.verdict = Verdict()

    def run(self, steps: int) -> Verdict:
        """Try so many things."""
        with ExitStack() as stack:
            self._root = stack.enter_context(
                Memory(self._path, actor=self._administrator, clock=self._clock)
            )
            memories = {
                actor: stack.enter_context(
                    Memory(self._path, actor=actor, tenant=tenant, clock=self._clock)
                )
                for actor, tenant in self._tenants.items()
            }
            moves = Moves(memories, self._oracle, self._chance)
            self._appended()  # what others did in this vault before is theirs
            for number in range(1, steps + 1):
                self._clock.now += self._chance.randrange(6 * DAY // 24)
                if number % REIGN == 0:
                    self._crown()
                self._step(moves.draw())
                if number % self._compare_every == 0 or number == steps:
                    self._compare()
            self._read_all()
        return self.verdict

    def _step(self, attempt: Attempt) -> None:
        self.verdict.steps += 1
        result, error = None, None
        try:
            with self._interrupts():
                result = attempt.call()
        except MemosError as refusal:
            error = refusal
            self.verdict.refused[f"{attempt.name}: {type(refusal).__name__}"] += 1
        except KeyboardInterrupt:
            self.verdict.interrupted += 1
        else:
            self.verdict.done[attempt.name] += 1
        self._look_for_leaks(attempt, result, error)
        entries = self._appended()
        ruled = attempt.grants is not None and self._oracle.rules(attempt.actor, attempt.grants[0])
        changed = {entry.cube_id: self._read(entry.cube_id) for entry in entries}
        ended = self._ended_flows(attempt, entries)
        self._learn(attempt, entries)
        for flow in ended:
            self._oracle.end(flow)
        Judge(self._oracle, self.verdict, attempt, changed, ruled, ended).judge(entries)
        for facts in changed.values():
            if facts is not None:
                self._oracle.observe(facts)
        for entry in entries:
            # A rollback may bring any content back: what came before is not followed through it.
            if entry.kind == "RolledBack" or (attempt.overwrites and entry.kind == "Revised"):
                self._oracle.replace(entry.cube_id)
            elif entry.kind == "Revised":
                self._oracle.append(entry.cube_id)
        self._hold_receipt(attempt, result)

    def _crown(self) -> None:
        """The vault's administrator gives a tenant to one of its actors, and takes it from others."""
        for tenant in sorted(set(self._tenants.values())):
            members = [actor for actor, home in self._tenants.items() if home == tenant]
            chosen = self._chance.choice([*members, ""])
            for actor in sorted(self._oracle.administrators[tenant]):
                self._root.revoke_administrator(tenant, actor)
            if chosen:
                self._root.grant_administrator(tenant, chosen)
            self._oracle.administrators[tenant] = {chosen} - {""}
        self._appended()

    @contextmanager
    def _interrupts(self) -> Iterator[None]:
        """Now and then Ctrl-C comes amid the call."""
        if self._chance.random() >= INTERRUPTED:
            yield
            return
        before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
        here = threading.get_ident()
        after = self._chance.uniform(0.0001, LATEST_SECONDS)
        hand = threading.Timer(after, lambda: signal.pthread_kill(here, signal.SIGUSR1))
        try:
            hand.start()
            yield
        finally:
            hand.cancel()
            hand.join()
            signal.signal(signal.SIGUSR1, before)

    def _look_for_leaks(self, attempt: Attempt, result: object, error: MemosError | None) -> None:
        told = str(error) if error is not None else repr(result)
        known = attempt.named | {attempt.word}
        if isinstance(result, ErasureReceipt):
            # The receipt of an erase names all that it reached: that is its proof.
            known |= {*result.cube_ids, *result.restored}
        for secret in set(_TOLD.findall(told)) - known:
            if self._oracle.is_hidden(attempt.actor, secret):
                self.verdict.leaks.append(
                    f"{attempt.actor} {attempt.name} was told {secret}: {told[:400]}"
                )
                return

    def _appended(self) -> list[LogEntry]:
        """What the log has gained."""
        gained = [
            entry
            for entry in self._root.events(since=self._latest)
            if entry.position != self._latest
        ]
        if gained:
            self._latest = gained[-1].position
        return [entry for entry in gained if entry.result == "accepted"]

    def _read(self, cube_id: str) -> Facts | None:
        """A memory as the administrator sees it; None for the cube of an operation."""
        try:
            cube = self._root.get(cube_id, any_state=True)
        except MemosError:
            return None
        known = self._oracle.cubes.get(cube_id)
        if isinstance(cube, Forgotten):
            if known is not None:
                return Facts(cube_id, known.tenant, known.owner, known.readers, known.writers,
                             state="Erased")  # fmt: skip
            return None
        assert isinstance(cube, MemCube)
        for word in _WORD.findall(f"{cube.text} {cube.tags}"):
            self._oracle.words[word].add(cube_id)
        lifespan = cube.lifespan
        governance = (cube.owner, cube.readers, cube.writers, cube.sensitivity, lifespan)
        return Facts(
            cube_id,
            cube.scope.partition("/")[0],
            cube.owner,
            frozenset(cube.readers),
            frozenset(cube.writers),
            governance,
            cube.text,
            cube.state,
        )

    def _learn(self, attempt: Attempt, entries: list[LogEntry]) -> None:
        """What flowed where, and who rules, where the log has it: a call that was interrupted may
        have been done.
        """
        if not any(entry.kind in LEARNT for entry in entries):
            return
        if attempt.grants is not None:
            tenant, actor, holds = attempt.grants
            names = self._oracle.administrators[tenant]
            names.add(actor) if holds else names.discard(actor)
        for source, derived in attempt.derived:
            kind = "Linked" if derived else "Generated"
            for entry in entries:
                if entry.kind == kind and derived in ("", entry.cube_id):
                    self._oracle.derive(source, entry.cube_id, entry.version, is_link=bool(derived))
                    break

    def _ended_flows(self, attempt: Attempt, entries: list[LogEntry]) -> list[Flow]:
        """The flows that a rollback took back what said so of."""
        rolled_back = self._oracle.cubes.keys() & {
            entry.cube_id for entry in entries if entry.kind == "RolledBack"
        }
        if not attempt.name.startswith("rollback"):
            return []  # an erase brings back what was merged, and takes no link back
        there = {
            (edge.source[0], *edge.derived)
            for cube_id in rolled_back
            for edge in self._root.lineage(cube_id, depth=1).edges
            if edge.relation in TAINTING
        }
        return [
            flow
            for flow in self._oracle.flows
            if flow.derived in rolled_back
            and (flow.source, flow.derived, flow.version) not in there
        ]

    def _hold_receipt(self, attempt: Attempt, result: object) -> None:
        """What was acknowledged is there."""
        if (
            isinstance(result, Receipt)
            and attempt.word
            and attempt.name in ("add", "update", "merge")
        ):
            cube = self._oracle.cubes.get(result.cube_id)
            if cube is None or attempt.word not in cube.text:
                self.verdict.lost.append(f"{attempt.name} of {attempt.word}: {result}, {cube}")

    def _compare(self) -> None:
        self.verdict.compared += 1
        if self._rebuilds:
            live, again = self._root.digest(), self._root.rebuild().digest
            if live != again:
                self.verdict.broken.append(f"live digest {live}, rebuilt {again}")
        for report in (self._root.verify(), self._root.audit()):
            if not report.ok:
                self.verdict.broken.append(f"{report}")
        self._tell(self.verdict)

    def _read_all(self) -> None:
        """At the end every memory reads as its last event left it."""
        for cube_id, known in self._oracle.cubes.items():
            now = self._read(cube_id)
            if now is None or (now.text, now.state) != (known.text, known.state):
                self.verdict.lost.append(f"{cube_id} was {known}, and is {now}")
