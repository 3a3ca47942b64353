"""What a vault that was moved here from another log keeps of that log, in its settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from memos.infrastructure.log.port import Cut

MIGRATED_FROM = "migrated_from"
"""The setting that names the logs before this one: see `Ancestor`."""

MIGRATED_CUTS = "migrated_cuts"
"""The setting that says where the named cuts of the log before are in this one: the events that
named them tell of positions there.
"""

LOADED_FROM = "loaded_from"
"""The setting with the verifier key of the vault whose export this one was made of."""

LOADED_CHECKPOINT = "loaded_checkpoint"
"""The setting with the signed checkpoint of that export."""

LOADED_SIZE = "loaded_size"
"""The setting that says how many records that export held, where it was of a whole vault: they stand
at the same positions here.
"""


class FirstPlace(NamedTuple):
    """Where a migrated record first stood: the origin of that log, its offset and log time there
    in microseconds.
    """

    origin: str
    offset: int
    log_time: int


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A log that a vault's own goes on from, whole. Proofs that were made there hold against its
    last `checkpoints` (signed notes, one a partition) and its `verifier_key`.
    """

    origin: str
    verifier_key: str
    checkpoints: tuple[str, ...]


def ancestors_to_text(ancestors: Iterable[Ancestor]) -> str:
    """The logs before one, as a setting."""
    return json.dumps(
        [
            {"origin": a.origin, "verifier_key": a.verifier_key, "checkpoints": a.checkpoints}
            for a in ancestors
        ]
    )


def ancestors_in(setting: Callable[[str], str]) -> tuple[Ancestor, ...]:
    """The logs before that of a vault with these settings, the oldest first."""
    ancestors = [
        Ancestor(entry["origin"], entry["verifier_key"], tuple(entry["checkpoints"]))
        for entry in json.loads(setting(MIGRATED_FROM) or "[]")
    ]
    loaded, note = setting(LOADED_FROM), setting(LOADED_CHECKPOINT)
    if loaded:
        ancestors.insert(0, Ancestor(note.partition("\n")[0], loaded, (note,)))
    return tuple(ancestors)


def migrated_origin(setting: Callable[[str], str]) -> str | None:
    """The origin of the log that a vault with these settings was migrated from; None for none."""
    entries = json.loads(setting(MIGRATED_FROM) or "[]")
    return str(entries[-1]["origin"]) if entries else None


def loaded_size(setting: Callable[[str], str], origin: str) -> int:
    """How many records a vault with these settings began with, as the whole of a log of that origin."""
    is_that = setting(LOADED_CHECKPOINT).partition("\n")[0] == origin
    return int(setting(LOADED_SIZE) or 0) if is_that else 0


def cuts_to_text(cuts: Mapping[str, Cut]) -> str:
    """Named cuts as a setting."""
    return json.dumps({name: numbers(cut) for name, cut in cuts.items()})


def cuts_in(text: str) -> dict[str, Cut]:
    """What `cuts_to_text` gave; none of an empty setting."""
    return {name: cut_of(sizes) for name, sizes in json.loads(text or "{}").items()}


def numbers(cut: Cut) -> dict[str, int]:
    """A cut as JSON has it."""
    return {str(partition): size for partition, size in sorted(cut.items())}


def cut_of(sizes: Mapping[str, int]) -> Cut:
    """What `numbers` gave."""
    return {int(partition): int(size) for partition, size in sizes.items()}
