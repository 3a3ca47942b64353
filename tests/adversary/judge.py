"""Holds what one attempt did against what its actor may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from memos import LogEntry
from tests.adversary.moves import Attempt
from tests.adversary.oracle import Facts, Flow, Oracle

WRITES = frozenset({"Revised", "Tagged", "Archived", "Restored", "Activated", "Merged"})
GOVERNS = frozenset({"HeaderChanged", "Frozen", "Thawed"})


@dataclass
class Verdict:
    """What was tried, and every broken promise in words."""

    steps: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    interrupted: int = 0
    compared: int = 0
    leaks: list[str] = field(default_factory=list)
    unauthorised: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.leaks or self.unauthorised or self.lost or self.broken)


class Judge:
    """Holds what one attempt did against what its actor may do."""

    def __init__(
        self,
        oracle: Oracle,
        verdict: Verdict,
        attempt: Attempt,
        changed: dict[str, Facts | None],
        ruled: bool,
        ended: Sequence[Flow],
    ) -> None:
        self._ended = ended
        self._ruled = ruled
        self._oracle = oracle
        self._verdict = verdict
        self._attempt = attempt
        self._changed = changed

    def judge(self, entries: list[LogEntry]) -> None:
        """Every event needs a right; an erase reaches all that it must and nothing else."""
        for entry in entries:
            facts = self._changed[entry.cube_id]
            if entry.kind in ("Granted", "Revoked") and not self._ruled:
                self._verdict.unauthorised.append(f"{self._attempt.actor}: {entry}")
            elif facts is not None and not self._allowed(entry, facts):
                self._verdict.unauthorised.append(
                    f"{self._attempt.actor} {self._attempt.name}: {entry.kind} on {facts}, "
                    f"before {self._oracle.cubes.get(entry.cube_id)}"
                )
        self._judge_erase(entries)

    def _allowed(self, entry: LogEntry, facts: Facts) -> bool:
        actor, before = self._attempt.actor, self._oracle.cubes.get(entry.cube_id)
        if entry.kind == "Generated":
            return self._oracle.may_create(actor, facts.tenant) and self._as_strict(facts)
        if before is None:
            return False
        if entry.kind in WRITES:
            return self._attempt.name.startswith(("erase", "sweep")) or (
                self._oracle.may_write(actor, before)
            )
        if self._attempt.name in ("hold", "lift_hold"):
            return self._oracle.rules(actor, before.tenant)
        if entry.kind in GOVERNS:
            return self._oracle.administers(actor, before) and self._no_wider(before, facts)
        if entry.kind == "Linked":
            return self._may_link(before)
        if entry.kind == "RolledBack":
            return self._may_roll_back(before, facts)
        if entry.kind == "Expired":
            return self._attempt.name == "sweep" and self._oracle.rules(actor, before.tenant)
        return entry.kind in ("EraseRequested", "EraseWithdrawn", "Erased", "Decided")

    def _may_link(self, before: Facts) -> bool:
        may = self._oracle.administers if self._attempt.derived else self._oracle.may_write
        return may(self._attempt.actor, before)

    def _may_roll_back(self, before: Facts, facts: Facts) -> bool:
        if self._attempt.name.startswith(("erase", "sweep")):
            return True  # the other sources of an erased merge come back
        actor = self._attempt.actor
        if not self._oracle.may_write(actor, before):
            return False
        ended = [flow for flow in self._ended if flow.derived == facts.cube_id]
        if not all(flow.is_link for flow in ended):
            return False  # what a memory was made of is never taken back
        kept = before.governance == facts.governance and not ended
        return (self._oracle.administers(actor, before) or kept) and self._no_wider(before, facts)

    def _sources(self, cube_id: str) -> list[Facts]:
        return [self._oracle.cubes[source] for source in self._oracle.sources[cube_id]]

    def _as_strict(self, facts: Facts) -> bool:
        """Nobody reads what is derived who could not read each of its sources."""
        readers = self._oracle.readers_of(facts) - {facts.owner}
        return all(
            readers <= self._oracle.readers_of(source) for source in self._sources(facts.cube_id)
        )

    def _no_wider(self, before: Facts, after: Facts) -> bool:
        """Wider than it was only for who administers every source."""
        gained = self._oracle.readers_of(after) - self._oracle.readers_of(before)
        return not gained or all(
            self._oracle.administers(self._attempt.actor, source)
            or gained - {after.owner} <= self._oracle.readers_of(source)
            for source in self._sources(before.cube_id)
        )

    def _judge_erase(self, entries: list[LogEntry]) -> None:
        erased = {entry.cube_id for entry in entries if entry.kind == "Erased"}
        erased &= self._oracle.cubes.keys()
        if not erased:
            return
        actor, name = self._attempt.actor, self._attempt.name
        if name == "sweep":
            seeds = {each for each in erased if self._ends_in_erase(each)}
        else:
            seeds = {
                each for each in erased if self._oracle.administers(actor, self._oracle.cubes[each])
            }
            seeds = {self._attempt.target} if name == "erase" else seeds
            if not all(self._oracle.administers(actor, self._oracle.cubes[each]) for each in seeds):
                self._verdict.unauthorised.append(f"{actor} {name} erased {seeds}")
        if beyond := erased - self._oracle.reachable(seeds):
            self._verdict.unauthorised.append(f"{actor} {name} of {seeds} took {beyond}")
        # What only went along may hold what came later and is clean.
        named = seeds - self._oracle.derived_from(erased) if len(seeds) > 1 else seeds
        left = [each for each in self._oracle.holding(named) if not self._is_erased(each, erased)]
        if left and name != "sweep":  # whose end goes as far as its setter's right
            self._verdict.broken.append(f"{actor} {name} of {seeds} left {left}")

    def _is_erased(self, cube_id: str, erased: set[str]) -> bool:
        return cube_id in erased or self._oracle.cubes[cube_id].is_erased

    def _ends_in_erase(self, cube_id: str) -> bool:
        lifespan: Any = self._oracle.cubes[cube_id].governance[-1]
        return lifespan is not None and lifespan.then.name == "ERASE"
