"""The digest and the figures of a distributed vault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from google.protobuf.message import DecodeError

from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.index.projection import internal_rows
from memos.infrastructure.reports import Figures
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.cube import NO_MEMORY, CubeState, Lifecycle
from memos.kernel.digest import cube_digest, vault_digest
from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.kernel.state import checksum, state_from_bytes


def digest(vault: CassandraVault) -> str:
    """SHA-256 over every cube in id order, the same as of an embedded vault.

    Raises:
        Damaged: a head cannot be read.
    """
    return vault_digest(sorted(digests(vault)))


def digests(vault: CassandraVault) -> Iterator[tuple[bytes, bytes]]:
    """The id and the digest of every cube.

    Raises:
        Damaged: a head cannot be read.
    """
    for cube_id, stored, check in vault.heads():
        if checksum(stored) != check:
            raise Damaged(f"the head of cube {id_text(cube_id)} is damaged: run `memos rebuild`")
        yield cube_id, cube_digest(_state(cube_id, stored))


def memories(vault: CassandraVault) -> set[bytes]:
    """The memories that there are, by their ids: those that nobody erased. Where a head is damaged, that
    one too.
    """
    found = set()
    for cube_id, stored, _ in vault.heads():
        try:
            state = _state(cube_id, stored)
        except Damaged:
            found.add(cube_id)
            continue
        if state.form not in NO_MEMORY and state.lifecycle is not Lifecycle.ERASED:
            found.add(cube_id)
    return found


def _state(cube_id: bytes, stored: bytes) -> CubeState:
    try:
        return state_from_bytes(stored)
    except (DecodeError, ValueError) as error:
        raise Damaged(
            f"the head of cube {id_text(cube_id)} is damaged ({error}): run `memos rebuild`"
        ) from None


def _internal(generation: Generation) -> set[bytes]:
    """The cubes of which no caller is told: they are no memories of theirs."""
    views = (generation.index.view(tenant) for tenant in generation.vault.tenants() if tenant)
    return {
        cube_id for view in views for cube_id in view.cube_ids(np.flatnonzero(internal_rows(view)))
    }


def figures(stores: Stores, generation: Generation) -> Figures:
    """Counts of the vault, by a look at every head. What it takes on disks its servers know."""
    counted: Counter[tuple[str, int]] = Counter()
    internal = _internal(generation)
    for cube_id, stored, _ in generation.vault.heads():
        state = _state(cube_id, stored)
        if state.form not in NO_MEMORY and cube_id not in internal:
            counted[state.scope, int(state.lifecycle)] += 1
    folded = generation.vault.checkpoints(FOLD)
    return Figures(
        events=sum(offset for offset, _, _ in folded.values()),
        memories=counted,
        accesses=sum(stores.logs.access.end().values()),
        bytes_on_disk=0,
    )
