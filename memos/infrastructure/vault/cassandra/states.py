"""The states of cubes at a moment: the last attempts that were accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cassandra.query import PreparedStatement

from memos.infrastructure.batches import batched
from memos.infrastructure.cassandra.connection import Row
from memos.infrastructure.vault.cassandra.bounds import bound
from memos.infrastructure.vault.cassandra.generation import IDS_AT_ONCE, VaultGeneration
from memos.infrastructure.vault.cassandra.rows import bucket_of
from memos.infrastructure.vault.cassandra.stored import ATTEMPT_COLUMNS, Stored, stored_of
from memos.infrastructure.vault.cassandra.whole import whole
from memos.infrastructure.vault.port import Attempt
from memos.kernel.moment import NEWEST, At, reaches
from memos.kernel.outcome import Result

ACCEPTED = int(Result.ACCEPTED)
_HEADS = "SELECT cube_id, partition, ordinal, sequence FROM {}.head WHERE cube_id IN ?"
# Which of them was accepted is seen here: Cassandra would pass over a row that has lost its result.
_BACKWARDS = (
    f"SELECT {ATTEMPT_COLUMNS} FROM {{}}.attempt WHERE cube_id %s AND bucket = ? AND ordinal <= ?"
    " ORDER BY ordinal DESC %s"
)
_LAST = _BACKWARDS % ("= ?", "LIMIT ?")
_LAST_OF_EACH = _BACKWARDS % ("IN ?", "PER PARTITION LIMIT 1")
_REFUSED_AT_ONCE = 32
"""Rows read at once behind a last one that was not accepted; most last ones were."""

_Look = tuple[bytes, int, int, int]
"""A cube, its bucket, the ordinal to look back from, and how many rows to read."""


class States(VaultGeneration):
    """The rows of `attempt` that were accepted, as far as the heads have them."""

    def state_at(self, cube_id: bytes, at: At = NEWEST) -> Attempt | None:
        """The last accepted attempt on the cube at a moment."""
        last, newest = self._end(cube_id, at)
        found = self._last_accepted([(cube_id, last, newest, 1)]).get(cube_id)
        return None if found is None else found.attempt

    def states_at(self, cube_ids: Sequence[bytes], at: At = NEWEST) -> dict[bytes, Stored]:
        """The last accepted attempts on cubes at a moment, asked for together."""
        heads, guesses = self._heads_and_guesses(cube_ids, at)
        states: dict[bytes, Stored] = {}
        looks = []
        for cube_id, partition, ordinal, sequence in heads:
            newest, guess = min(bound(at, partition), ordinal), guesses.get(cube_id)
            if bucket_of(sequence):
                looks.append((cube_id, bucket_of(sequence), newest, 1))
            elif guess is None:
                continue
            elif _is_accepted(guess) and guess.attempt.ordinal <= newest:
                states[cube_id] = guess
            else:
                looks.append((cube_id, 0, newest, _REFUSED_AT_ONCE))
        return states | self._last_accepted(looks)

    def _last_accepted(self, looks: Iterable[_Look]) -> dict[bytes, Stored]:
        """The last accepted attempts on cubes at or before ordinals, each in its bucket or before."""
        found: dict[bytes, Stored] = {}
        waiting = list(looks)
        while waiting:
            earlier: list[_Look] = []
            for look, rows in zip(waiting, self._many(_LAST, waiting), strict=True):
                cube_id, bucket, newest, limit = look
                accepted = next(filter(_is_accepted, map(stored_of, rows)), None)
                if accepted is not None:
                    found[cube_id] = accepted
                elif len(rows) == limit:
                    oldest = stored_of(rows[-1]).attempt.ordinal
                    earlier.append((cube_id, bucket, oldest - 1, _REFUSED_AT_ONCE))
                elif bucket:
                    earlier.append((cube_id, bucket - 1, newest, 1))
            waiting = earlier
        return found

    def _heads_and_guesses(
        self, cube_ids: Sequence[bytes], at: At
    ) -> tuple[list[Row], dict[bytes, Stored]]:
        """The places of heads, and beside them what most of them lead to: few cubes have as many
        records as a bucket holds, and few are being folded.
        """
        latest = at if isinstance(at, int) else max(at, default=-1)
        groups = list(batched(dict.fromkeys(cube_ids), IDS_AT_ONCE))
        prepare = self._store.prepare
        heads, guess = prepare(_HEADS.format(self.keyspace)), self._prepared_last_of_each()
        rows = [
            list(whole(self._store, statement.query_string, result))
            for statement, result in zip(
                [heads] * len(groups) + [guess] * len(groups),
                self._store.run_all(
                    [(heads, (ids,)) for ids in groups]
                    + [(guess, (ids, 0, latest)) for ids in groups]
                ),
                strict=True,
            )
        ]
        guessed = (stored_of(row) for result in rows[len(groups) :] for row in result)
        return (
            [row for result in rows[: len(groups)] for row in result],
            {stored.attempt.cube_id: stored for stored in guessed},
        )

    def _prepared_last_of_each(self) -> PreparedStatement:
        statement = self._store.prepare(_LAST_OF_EACH.format(self.keyspace))
        statement.fetch_size = None  # Cassandra sorts the rows of several partitions in one page
        return statement

    def created(self, cube_id: bytes) -> int:
        """Log time of the cube's first accepted record, in microseconds; 0 where there is none."""
        return self._first_times([cube_id]).get(cube_id, 0)

    def created_many(self, last: Iterable[Stored]) -> dict[bytes, int]:
        """Log times of the first accepted records of cubes, of which attempts are at hand."""
        times, others = {}, []
        for stored in last:
            if stored.attempt.sequence == 1:
                times[stored.attempt.cube_id] = stored.attempt.log_time
            else:
                others.append(stored.attempt.cube_id)
        return times | self._first_times(others)

    def _first_times(self, cube_ids: Sequence[bytes]) -> dict[bytes, int]:
        first = "SELECT log_time, result FROM {}.attempt WHERE cube_id = ? AND bucket = 0 LIMIT 1"
        later = (
            "SELECT log_time, result FROM {}.attempt WHERE cube_id = ? AND bucket = 0 AND result ="
            f" {ACCEPTED} LIMIT 1 ALLOW FILTERING"
        )
        times: dict[bytes, int] = {}
        waiting = list(cube_ids)
        for cql in (first, later):  # few cubes had anything refused before they were made
            found = self._many(cql, [(cube_id,) for cube_id in waiting])
            times |= {
                cube_id: int(rows[0][0])
                for cube_id, rows in zip(waiting, found, strict=True)
                if rows and rows[0][1] == ACCEPTED
            }
            waiting = [cube_id for cube_id in waiting if cube_id not in times]
        return times

    def _end(self, cube_id: bytes, at: At) -> tuple[int, int]:
        """The last bucket of a cube, and the greatest ordinal in it that counts at a moment."""
        cql = "SELECT partition, ordinal, sequence FROM {}.head WHERE cube_id = ?"
        head = self._rows(cql, (cube_id,))
        if head:
            partition, ordinal, sequence = head[0]
            return bucket_of(sequence), min(bound(at, partition), ordinal)
        return 0, self._end_of_refused(cube_id, at)

    def _ends(self, cube_ids: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
        """The last bucket of each cube, and the greatest ordinal in it; see `_end`."""
        groups = ((ids,) for ids in batched(dict.fromkeys(cube_ids), IDS_AT_ONCE))
        ends = {
            cube_id: (bucket_of(sequence), ordinal)
            for rows in self._many(_HEADS, groups)
            for cube_id, _, ordinal, sequence in rows
        }
        never_made = [cube_id for cube_id in cube_ids if cube_id not in ends]
        return ends | {cube_id: self._end(cube_id, NEWEST) for cube_id in never_made}

    def _end_of_refused(self, cube_id: bytes, at: At) -> int:
        """The last attempt at a moment on a cube that was never made: all of them were refused."""
        cql = "SELECT ordinal, sequence FROM {}.attempt WHERE cube_id = ? AND bucket = 0"
        newest = -1
        for ordinal, sequence in self._stream(cql, (cube_id,)):
            if sequence or not reaches(at, ordinal):
                break
            newest = ordinal
        return newest


def _is_accepted(stored: Stored) -> bool:
    return stored.attempt.outcome.result is Result.ACCEPTED
