"""What is kept of queries, ended when its time is over."""

from __future__ import annotations

from typing import Protocol

from memos.infrastructure.governance.query_keys import QueryKeyStore, end_keys
from memos.infrastructure.governance.query_texts.port import QueryTexts


class QueryStore(QueryKeyStore, Protocol):
    """What keeps anything of queries."""

    @property
    def queries(self) -> QueryTexts: ...


def end_outlived(store: QueryStore, now: int) -> None:
    """Take away what has outlived its time at a time (microseconds since 1970): texts, and keys of days.

    Nobody has to ask anything for that: it is done when a vault is opened and swept, and with what
    is written to the access log.
    """
    store.queries.end(now)
    end_keys(store, now)
