"""What a pool has done, in figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from memos.activation.pool.cost import Prediction


class Refusal(StrEnum):
    """Why a segment that was offered was not taken."""

    NO_ROOM = "no room"
    NO_PARENT = "its parent is not stored"
    OTHER_PLACE = "it does not fit behind its parent"


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """A pool at one moment. Tiers go by name; tenants too, or, before they are first seen after a restart,
    by a digest.

    Attributes:
        requested: segments that leases were asked for.
        hits: how many of them were given, by the tier that they came from.
        misses: how many were not.
        offered: segments that were offered; `duplicates` of them were stored already.
        refused: how many were not taken, by reason.
        evictions: segments that a tier let go to make room.
        demotions: segments that a tier took from a faster one.
        not_worth_keeping: segments that were not demoted, for loading them would take longer than
            computing them.
        no_room_to_load: loads that were not done, for everything in the first tier was in use.
        unavailable: loads that were not done, for the cube keys could not be asked for.
        loads: segments that were loaded from a tier, and `load_milliseconds` what that took.
        withdrawn: segments that were taken out of the pool, with what they were computed on or alone.
        bytes: what is stored, by tier and tenant. What is reserved, or gone and still leased, counts.
        peak_bytes: the most that a tier ever held.
        saved_milliseconds: what computing the hits took once, less what loading them took.
        damaged_files: files that were not what was written; removed.
        closed_files: files whose keys were destroyed; removed.
        unwritten_files: files that could not be written.
        quantised: segments that were written as int8.
        inexact_hits: hits that are not exact, for they, or what they were computed on, were int8 once.
        predicted_milliseconds: what the loads that were done were expected to take.
        right_loads: loads that took no longer than computing would have; `wrong_loads` did.
        right_computations: segments that were computed in no longer than loading was expected to take;
            `wrong_computations` took longer.
    """

    requested: int
    hits: Mapping[str, int]
    misses: int
    offered: int
    duplicates: int
    refused: Mapping[str, int]
    evictions: Mapping[str, int]
    demotions: Mapping[str, int]
    not_worth_keeping: int
    no_room_to_load: int
    unavailable: int
    loads: Mapping[str, int]
    load_milliseconds: float
    withdrawn: int
    bytes: Mapping[str, Mapping[str, int]]
    peak_bytes: Mapping[str, int]
    saved_milliseconds: float
    damaged_files: int
    closed_files: int
    unwritten_files: int
    quantised: int
    inexact_hits: int
    predicted_milliseconds: float
    right_loads: int
    wrong_loads: int
    right_computations: int
    wrong_computations: int


@dataclass(slots=True)
class Counts:
    """What a pool counts while it works. Its lock guards it."""

    requested: int = 0
    given: int = 0
    offered: int = 0
    duplicates: int = 0
    not_worth_keeping: int = 0
    no_room_to_load: int = 0
    unavailable: int = 0
    withdrawn: int = 0
    inexact_hits: int = 0
    load_milliseconds: float = 0.0
    predicted_milliseconds: float = 0.0
    saved_milliseconds: float = 0.0
    hits: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    evictions: Counter[str] = field(default_factory=Counter)
    demotions: Counter[str] = field(default_factory=Counter)
    loads: Counter[str] = field(default_factory=Counter)
    decisions: Counter[tuple[bool, bool]] = field(default_factory=Counter)

    def judge(self, prediction: Prediction) -> None:
        """Count a prediction with what came of it."""
        was_loaded = prediction.loaded is not None
        self.decisions[was_loaded, prediction.is_right] += 1
        if prediction.loaded is not None:
            self.load_milliseconds += prediction.loaded
            self.predicted_milliseconds += prediction.predicted
            self.saved_milliseconds -= prediction.loaded

    def snapshot(
        self,
        files: Mapping[str, int],
        stored: Mapping[str, Mapping[str, int]],
        peaks: Mapping[str, int],
    ) -> PoolFigures:
        """The figures as they are now.

        Args:
            files: what the files have come to.
            stored: bytes by tier and tenant.
            peaks: the most bytes of each tier.
        """
        return PoolFigures(
            requested=self.requested,
            hits=_frozen(self.hits),
            misses=self.requested - self.given,
            offered=self.offered,
            duplicates=self.duplicates,
            refused=_frozen(self.refused),
            evictions=_frozen(self.evictions),
            demotions=_frozen(self.demotions),
            not_worth_keeping=self.not_worth_keeping,
            no_room_to_load=self.no_room_to_load,
            unavailable=self.unavailable,
            loads=_frozen(self.loads),
            load_milliseconds=self.load_milliseconds,
            withdrawn=self.withdrawn,
            bytes=MappingProxyType({tier: _frozen(of) for tier, of in stored.items()}),
            peak_bytes=_frozen(peaks),
            saved_milliseconds=self.saved_milliseconds,
            damaged_files=files.get("damaged", 0),
            closed_files=files.get("closed", 0),
            unwritten_files=files.get("unwritten", 0),
            quantised=files.get("quantised", 0),
            inexact_hits=self.inexact_hits,
            predicted_milliseconds=self.predicted_milliseconds,
            right_loads=self.decisions[True, True],
            wrong_loads=self.decisions[True, False],
            right_computations=self.decisions[False, True],
            wrong_computations=self.decisions[False, False],
        )


def _frozen(counts: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType(dict(counts))
