"""Which keys of a key file do not open under its root key."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.sqlite.statements import rows

COUNT_KEYS = "SELECT (SELECT count(*) FROM tenant_key) + (SELECT count(*) FROM subject_key)"
TRIED_KEYS = 20
"""One that was damaged is no reason to call the root key another vault's."""

SHUT = "does not open under the root key"


def opens_any(connection: apsw.Connection, root: RootKey) -> bool | None:
    """Whether a root key opens any of the first keys of a key file; None where there is none."""
    of_tenants = "SELECT tenant, place, wrapped FROM tenant_key LIMIT ?"
    of_subjects = "SELECT tenant, subject, wrapped FROM subject_key LIMIT ?"
    tenants = list(rows(connection, of_tenants, (TRIED_KEYS,)))
    subjects = list(rows(connection, of_subjects, (TRIED_KEYS,)))
    if not tenants and not subjects:
        return None
    return any(root.opens_tenant(*key) for key in tenants) or any(
        root.opens_subject(*key) for key in subjects
    )


def unopened_keys(connection: apsw.Connection, root: RootKey) -> Iterator[tuple[str, str]]:
    """The keys that do not open under the root key, or are missing in a ring, and why."""
    rings = list(rows(connection, "SELECT tenant, place, wrapped FROM tenant_key ORDER BY 1, 2"))
    subjects = list(rows(connection, "SELECT tenant, subject, wrapped FROM subject_key"))
    places: dict[str, int] = {}
    for tenant, place, wrapped in rings:
        expected = places.get(tenant, 0)
        if place != expected:
            yield f"tenant {tenant!r}", f"at place {expected} is missing"
        places[tenant] = (place if isinstance(place, int) else expected) + 1
        if not root.opens_tenant(tenant, place, wrapped):
            yield f"tenant {tenant!r}", SHUT
    for tenant, subject, wrapped in subjects:
        if not root.opens_subject(tenant, subject, wrapped):
            named = subject.hex() if isinstance(subject, bytes) else repr(subject)
            yield f"subject {named}", SHUT
