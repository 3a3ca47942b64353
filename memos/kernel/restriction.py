"""What memories restrict, and the header that what is made of them begins with: the strictest.

Who may read and write, how sensitive it is, and when and how it ends. Pure: sources, labels and last
uses are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from memos.kernel.cube import Header, Lifespan, LifespanEnd
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.lifespan import NEVER, deadline, earliest_end

READERS, WRITERS, SENSITIVITY, LIFESPAN = "readers", "writers", "sensitivity", "lifespan"


class Restricted(NamedTuple):
    """A source's header, and the log time of the source's last use: 0 where there was none."""

    header: Header
    last_used: int = 0


def strictest(own: Header, sources: Sequence[Restricted], labels: Sequence[str]) -> Header:
    """The header of what is made of sources: nobody reads, and nothing lasts, that one would refuse.

    Its owner, who could read them all, reads it too. Priority and purpose are its own.

    Args:
        own: what whoever makes it says of it.
        sources: what it is made of.
        labels: the tenant's labels of sensitivity, lowest first; others are higher than all these.

    Raises:
        InvalidInput: two labels that the tenant has not ordered meet.
    """
    headers = [own, *(source.header for source in sources)]
    readers = _intersection([readers_of(header) for header in headers])
    writers = _intersection([_writers_of(header) for header in headers])
    if readers is not None and writers is not None:
        writers &= readers
    names_writers = any(header.writers for header in headers)
    return own._replace(
        readers=_names(own.owner, readers),
        # Beside readers silence means the owner alone.
        writers=_names(own.owner, writers) if names_writers else (),
        sensitivity=_most_sensitive([header.sensitivity for header in headers], labels),
        lifespan=_earliest([Restricted(own), *sources]),
    )


def looser(header: Header, bound: Header, labels: Sequence[str]) -> frozenset[str]:
    """In which respects a header allows what another does not."""
    respects = {
        READERS: _goes_beyond(readers_of(header), readers_of(bound)),
        WRITERS: _goes_beyond(_writers_of(header), _writers_of(bound)),
        SENSITIVITY: _is_less_sensitive(header.sensitivity, bound.sensitivity, labels),
        LIFESPAN: _lasts_longer(header.lifespan, bound.lifespan),
    }
    return frozenset(respect for respect, is_looser in respects.items() if is_looser)


def as_used(restricted: Restricted) -> Header:
    """A header whose lifespan counts from the last use, where that renews it."""
    span = restricted.header.lifespan
    if span is None or not span.renewed_by_access:
        return restricted.header
    since = max(span.since, restricted.last_used)
    return restricted.header._replace(lifespan=span._replace(since=since))


def readers_of(header: Header) -> frozenset[str] | None:
    """Who may read by a header: its owner, readers and writers; None for all of the tenant."""
    if not header.readers:
        return None
    return frozenset((header.owner, *header.readers, *header.writers))


def _writers_of(header: Header) -> frozenset[str] | None:
    """Who may write by a header; a reader may not where it names no writers. None for all of the tenant."""
    named = header.writers or header.readers
    return frozenset((header.owner, *header.writers)) if named else None


def _intersection(sets: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    named = [names for names in sets if names is not None]
    return frozenset.intersection(*named) if named else None


def _names(owner: str, names: frozenset[str] | None) -> tuple[str, ...]:
    """As a header lists them: the owner alone, since an empty list would mean everybody."""
    if names is None:
        return ()
    return tuple(sorted(names - {owner})) or (owner,)


def _goes_beyond(names: frozenset[str] | None, bound: frozenset[str] | None) -> bool:
    return bound is not None and (names is None or not names <= bound)


def _rank(label: str, labels: Sequence[str]) -> int:
    known = ("", *labels)
    return known.index(label) if label in known else len(known)


def _most_sensitive(given: Sequence[str], labels: Sequence[str]) -> str:
    ranks = {label: _rank(label, labels) for label in given}
    highest = max(ranks.values())
    named = sorted(label for label, rank in ranks.items() if rank == highest)
    if len(named) > 1:
        raise InvalidInput(
            f"of the sensitivities {', '.join(map(shorten, named))} none is known to be higher: an "
            "administrator of the tenant orders them with set_sensitivities, lowest first"
        )
    return named[0]


def _is_less_sensitive(label: str, bound: str, labels: Sequence[str]) -> bool:
    rank, least = _rank(label, labels), _rank(bound, labels)
    return rank < least or (rank == least and label != bound)


def _earliest(restricted: Sequence[Restricted]) -> Lifespan | None:
    """The lifespan that ends with the first of these, as thoroughly as the most thorough one.

    An access renews it only where it renews all of them.
    """
    ending = [
        (each.header.lifespan, deadline(each.header.lifespan, each.last_used))
        for each in restricted
        if each.header.lifespan is not None and each.header.lifespan.after > 0
    ]
    own = restricted[0].header.lifespan
    if all(earliest_end(each.header.lifespan) == NEVER for each in restricted[1:]):
        return own
    spans = [span for span, _ in ending]
    renewed = all(span.renewed_by_access for span in spans)
    first, ends = min(ending, key=lambda at: (at[1], at[0].after))
    after = min(span.after for span in spans) if renewed else first.after
    return Lifespan(
        after=after,
        since=ends - after,
        renewed_by_access=renewed,
        half_life=0 if own is None else own.half_life,
        then=LifespanEnd(max(span.then for span in spans)),
    )


def _lasts_longer(span: Lifespan | None, bound: Lifespan | None) -> bool:
    ends, least = earliest_end(span), earliest_end(bound)
    if bound is None or least == NEVER:
        return False
    if span is None or ends > least or span.then < bound.then:
        return True
    return span.renewed_by_access and not bound.renewed_by_access
