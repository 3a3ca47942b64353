"""Terms: what a log query can narrow by, and the table `posting` leads from.

A posting says that a bucket of `record` holds something of a term, so a query reads those buckets
and no others. It is written once a bucket, where a row for every record and term would cost as much
as the record itself.
"""

from __future__ import annotations


def of_tenant(tenant: str) -> bytes:
    """The term of a tenant's records."""
    return b"t" + tenant.encode()


def of_actor(actor: str) -> bytes:
    """The term of an actor's records."""
    return b"a" + actor.encode()


def of_source(digest: bytes) -> bytes:
    """The term of the accepted records of a source, or of what lies under it."""
    return b"s" + digest


ENDING = b"e"
"""The term whose buckets are the periods in which a lifespan ends."""
