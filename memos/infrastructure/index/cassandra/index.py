"""The reading side of the distributed index: tenants' snapshots, kept between searches."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from memos.infrastructure.index.cassandra.changes import join
from memos.infrastructure.index.cassandra.rows import SpanTable
from memos.infrastructure.index.cassandra.snapshot import IndexMarks, TenantSnapshot, extend
from memos.infrastructure.index.cassandra.view import CassandraView
from memos.infrastructure.index.port import IndexReader, Within, paths_of
from memos.kernel.moment import At
from memos.kernel.scope import tenant_of

CACHE_BYTES = 512 * 2**20
"""About 100 bytes a text, twice that where texts were changed, and 18 more a term of a text."""


class _Tenant:
    """A tenant's latest snapshot; the lock is held by who reads what it lacks."""

    def __init__(self, tenant: str) -> None:
        self.snapshot = TenantSnapshot(tenant)
        self.loading = Lock()


class CassandraIndex(IndexReader):
    """Views of what the worker has indexed, over one generation's change log. Safe for threads.

    A tenant is read whole when it is first searched, and then by what its partitions have taken
    since. Another generation needs another CassandraIndex.

    Args:
        table: the change log.
        cache_bytes: bound on the snapshots kept between searches; the latest one always stays.
    """

    def __init__(self, table: SpanTable, cache_bytes: int = CACHE_BYTES) -> None:
        self._table = table
        self._cache_bytes = cache_bytes
        self._lock = Lock()
        self._tenants: OrderedDict[str, _Tenant] = OrderedDict()  # least recently used first
        self._held = 0  # bytes

    def view(self, within: Within, at: At | None = None) -> CassandraView:
        marks = self._table.marks()
        tenant = self._tenant(tenant_of(paths_of(within)[0]))
        snapshot = tenant.snapshot
        if _lacks(snapshot, marks):
            snapshot = self._refresh(tenant, marks)
        return CassandraView(snapshot, snapshot.visible(within, at), snapshot.reached(at))

    @property
    def nbytes(self) -> int:
        """About how much memory the snapshots take."""
        return self._held

    def _tenant(self, name: str) -> _Tenant:
        with self._lock:
            tenant = self._tenants.get(name)
            if tenant is None:
                tenant = self._tenants[name] = _Tenant(name)
                self._held += tenant.snapshot.nbytes
            self._tenants.move_to_end(name)
            return tenant

    def _refresh(self, tenant: _Tenant, marks: IndexMarks) -> TenantSnapshot:
        with tenant.loading:
            old = tenant.snapshot
            if not _lacks(old, marks):
                return old  # another thread was faster
            behind = {
                partition: mark
                for partition, mark in marks.items()
                if partition not in old.marks or old.marks[partition].offset < mark.offset
            }
            parts = self._table.read(old.tenant, old.scopes, old.marks, behind)
            latest = extend(old, join(parts), behind)
            self._keep(tenant, latest)
        return latest

    def _keep(self, tenant: _Tenant, latest: TenantSnapshot) -> None:
        with self._lock:
            if self._tenants.get(latest.tenant) is tenant:  # not dropped while it was read
                self._held += latest.nbytes - tenant.snapshot.nbytes
            tenant.snapshot = latest
            while self._held > self._cache_bytes and len(self._tenants) > 1:
                _, dropped = self._tenants.popitem(last=False)
                self._held -= dropped.snapshot.nbytes


def _lacks(snapshot: TenantSnapshot, marks: IndexMarks) -> bool:
    """Whether a partition has gone further than the snapshot; one that seems to have gone back
    was read from a node that lags.
    """
    held = snapshot.marks
    return any(
        partition not in held or held[partition].offset < mark.offset
        for partition, mark in marks.items()
    )
