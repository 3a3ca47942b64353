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
from memos.infrastructure.vault.port import Attempt
from memos.kernel.moment import NEWEST, At, reaches
from memos.kernel.outcome import Result

ACCEPTED = int(Result.ACCEPTED)
_HEADS = "SELECT cube_id, partition, ordinal, sequence FROM {}.head WHERE cube_id IN ?"
_ACCEPTED = (
    f"SELECT {ATTEMPT_COLUMNS} FROM {{}}.attempt WHERE cube_id %s AND bucket = ? AND ordinal <= ?"
    f" AND result = {ACCEPTED} ORDER BY ordinal DESC %s LIMIT 1 ALLOW FILTERING"
)
_LAST = _ACCEPTED % ("= ?", "")
_LAST_OF_EACH = _ACCEPTED % ("IN ?", "PER PARTITION")


class States(VaultGeneration):
    """The rows of `attempt` that were accepted, as far as the heads have them."""

    def state_at(self, cube_id: bytes, at: At = NEWEST) -> Attempt | None:
        """The last accepted attempt on the cube at a moment."""
        last, newest = self._end(cube_id, at)
        for bucket in range(last, -1, -1):
            for row in self._rows(_LAST, (cube_id, bucket, newest)):
                return stored_of(row).attempt
        return None

    def states_at(self, cube_ids: Sequence[bytes], at: At = NEWEST) -> dict[bytes, Stored]:
        """The last accepted attempts on cubes at a moment, asked for together."""
        heads, guesses = self._heads_and_guesses(cube_ids, at)
        states: dict[bytes, Stored] = {}
        looks = []
        for cube_id, partition, ordinal, sequence in heads:
            newest, guess = min(bound(at, partition), ordinal), guesses.get(cube_id)
            if bucket_of(sequence) or (guess is not None and guess.attempt.ordinal > newest):
                looks.append((cube_id, bucket_of(sequence), newest))
            elif guess is not None:
                states[cube_id] = guess
        while looks:
            earlier = []
            for look, rows in zip(looks, self._many(_LAST, looks), strict=True):
                cube_id, bucket, newest = look
                if rows:
                    states[cube_id] = stored_of(rows[0])
                elif bucket:
                    earlier.append((cube_id, bucket - 1, newest))
            looks = earlier
        return states

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
        rows = self._store.run_all(
            [(heads, (ids,)) for ids in groups] + [(guess, (ids, 0, latest)) for ids in groups]
        )
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
        cql = (
            "SELECT log_time FROM {}.attempt WHERE cube_id = ? AND bucket = 0 AND result = "
            f"{ACCEPTED} LIMIT 1 ALLOW FILTERING"
        )
        first = self._rows(cql, (cube_id,))
        return int(first[0][0]) if first else 0

    def created_many(self, last: Iterable[Stored]) -> dict[bytes, int]:
        """Log times of the first accepted records of cubes, of which attempts are at hand."""
        cql = (
            "SELECT cube_id, log_time FROM {}.attempt WHERE cube_id = ? AND bucket = 0 AND result ="
            f" {ACCEPTED} LIMIT 1 ALLOW FILTERING"
        )
        times, others = {}, []
        for stored in last:
            if stored.attempt.sequence == 1:
                times[stored.attempt.cube_id] = stored.attempt.log_time
            else:
                others.append((stored.attempt.cube_id,))
        times.update((row[0], row[1]) for rows in self._many(cql, others) for row in rows)
        return times

    def _end(self, cube_id: bytes, at: At) -> tuple[int, int]:
        """The last bucket of a cube, and the greatest ordinal in it that counts at a moment."""
        cql = "SELECT partition, ordinal, sequence FROM {}.head WHERE cube_id = ?"
        head = self._rows(cql, (cube_id,))
        if head:
            partition, ordinal, sequence = head[0]
            return bucket_of(sequence), min(bound(at, partition), ordinal)
        return 0, self._end_of_refused(cube_id, at)

    def _end_of_refused(self, cube_id: bytes, at: At) -> int:
        """The last attempt at a moment on a cube that was never made: all of them were refused."""
        cql = "SELECT ordinal, sequence FROM {}.attempt WHERE cube_id = ? AND bucket = 0"
        newest = -1
        for ordinal, sequence in self._stream(cql, (cube_id,)):
            if sequence or not reaches(at, ordinal):
                break
            newest = ordinal
        return newest
