from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.kernel.cube import Header, Lifespan, LifespanEnd
from memos.kernel.errors import InvalidInput
from memos.kernel.lifespan import deadline
from memos.kernel.restriction import Restricted, as_used, looser, readers_of, strictest

LABELS = ("public", "internal", "secret")
PEOPLE = st.sampled_from(["alice", "bob", "carol", "dave"])
NAMES = st.lists(PEOPLE, max_size=3, unique=True).map(tuple)
LIFESPANS = st.none() | st.builds(
    Lifespan,
    after=st.integers(0, 50),
    since=st.integers(0, 50),
    renewed_by_access=st.booleans(),
    half_life=st.integers(0, 5),
    then=st.sampled_from(LifespanEnd),
)
HEADERS = st.builds(
    Header,
    owner=PEOPLE,
    readers=NAMES,
    writers=NAMES,
    lifespan=LIFESPANS,
    priority=st.integers(-5, 5),
    # One label alone that the tenant has not ordered: two of them are refused.
    sensitivity=st.sampled_from(["", *LABELS, "pii"]),
)
SOURCES = st.lists(st.builds(Restricted, HEADERS, st.integers(0, 200)), min_size=1, max_size=4)


def allowed(header: Header) -> set[str]:
    names = readers_of(header)
    return {"alice", "bob", "carol", "dave", "anybody"} if names is None else set(names)


@given(HEADERS, SOURCES)
def test_nobody_reads_what_is_made_of_a_source_that_may_not_read_the_source(
    own: Header, sources: list[Restricted]
) -> None:
    made = strictest(own, sources, LABELS)
    for bound in (own, *(source.header for source in sources)):
        assert allowed(made) - {own.owner} <= allowed(bound)
    expected = set.intersection(*(allowed(h) for h in (own, *(s.header for s in sources))))
    assert allowed(made) == expected | {own.owner}


def writing(header: Header) -> set[str]:
    """As the rules of a header say it."""
    if header.writers:
        return {header.owner, *header.writers}
    return {header.owner} if header.readers else {"alice", "bob", "carol", "dave", "anybody"}


@given(HEADERS, SOURCES)
def test_nobody_writes_what_is_made_of_a_source_that_may_not_write_the_source(
    own: Header, sources: list[Restricted]
) -> None:
    made = strictest(own, sources, LABELS)
    for bound in (own, *(source.header for source in sources)):
        assert writing(made) - {own.owner} <= writing(bound)
        if not writing(made) <= writing(bound):
            assert "writers" in looser(made, bound, LABELS)


@given(HEADERS, SOURCES)
def test_what_is_made_is_as_sensitive_and_ends_as_early_and_as_thoroughly_as_every_source(
    own: Header, sources: list[Restricted]
) -> None:
    made = strictest(own, sources, LABELS)
    for source in [Restricted(own), *sources]:
        span = source.header.lifespan
        assert "sensitivity" not in looser(made, source.header, LABELS)
        if span is not None and span.after:
            assert made.lifespan is not None
            assert deadline(made.lifespan, 0) <= deadline(span, source.last_used)
            assert made.lifespan.then >= span.then
            assert span.renewed_by_access or not made.lifespan.renewed_by_access
    assert (made.owner, made.priority) == (own.owner, own.priority)


@given(HEADERS, SOURCES)
def test_the_order_of_the_sources_and_a_second_time_change_nothing(
    own: Header, sources: list[Restricted]
) -> None:
    made = strictest(own, sources, LABELS)
    assert strictest(own, sources[::-1], LABELS) == made
    again = strictest(made, sources, LABELS)
    assert looser(again, made, LABELS) == looser(made, again, LABELS) == frozenset()


def test_an_empty_intersection_is_its_owner_alone() -> None:
    sources = [
        Restricted(Header("bob", readers=("bob",))),
        Restricted(Header("carol", readers=("carol",))),
    ]
    assert strictest(Header("alice"), sources, ()).readers == ("alice",)
    assert strictest(Header("bob"), sources, ()).readers == ("bob",)


def test_a_silent_header_restricts_nothing() -> None:
    own = Header("alice", priority=3, purpose="care")
    assert strictest(own, [Restricted(Header("bob"))], LABELS) == own
    assert looser(own, Header("bob"), LABELS) == frozenset()


def test_an_unknown_label_is_higher_than_every_known_one() -> None:
    secret, unknown = Header("a", sensitivity="secret"), Header("a", sensitivity="pii")
    assert strictest(Header("a"), map_of(secret, unknown), LABELS).sensitivity == "pii"
    assert looser(secret, unknown, LABELS) == {"sensitivity"}
    assert looser(unknown, secret, LABELS) == frozenset()


def test_two_labels_that_nobody_ordered_are_refused_when_they_meet() -> None:
    sources = map_of(Header("a", sensitivity="pii"), Header("a", sensitivity="medical"))
    with pytest.raises(InvalidInput, match="set_sensitivities"):
        strictest(Header("a"), sources, LABELS)
    assert strictest(Header("a"), sources, ("pii", "medical")).sensitivity == "medical"


def test_what_is_labelled_lower_or_not_at_all_is_looser() -> None:
    silent, public, secret = (Header("a", sensitivity=label) for label in ("", "public", "secret"))
    for lower, higher in ((silent, public), (public, secret), (silent, secret)):
        assert looser(lower, higher, LABELS) == {"sensitivity"}
        assert looser(higher, lower, LABELS) == frozenset()


def test_what_a_header_allows_beyond_another_is_named() -> None:
    bound = Header("alice", readers=("bob",), writers=("alice",), lifespan=Lifespan(10, 5))
    silent = bound._replace(writers=())
    assert looser(silent, bound, ()) == looser(bound, silent, ()) == frozenset()
    assert looser(bound._replace(writers=("bob",)), silent, ()) == {"writers"}
    assert looser(bound._replace(readers=(), writers=()), silent, ()) == {"readers", "writers"}
    assert looser(bound, bound, ()) == frozenset()
    assert looser(bound._replace(readers=()), bound, ()) == {"readers"}
    assert looser(bound._replace(readers=("carol",)), bound, ()) == {"readers"}
    assert looser(bound._replace(lifespan=None), bound, ()) == {"lifespan"}
    assert looser(bound._replace(lifespan=Lifespan(11, 5)), bound, ()) == {"lifespan"}
    assert looser(bound._replace(lifespan=Lifespan(10, 5, True)), bound, ()) == {"lifespan"}
    thorough = bound._replace(lifespan=Lifespan(10, 5, then=LifespanEnd.ERASE))
    assert looser(bound, thorough, ()) == {"lifespan"}
    assert looser(thorough, bound, ()) == frozenset()


def test_where_two_headers_begin_with_the_log_a_use_loosens_neither() -> None:
    renewed = Header("a", lifespan=Lifespan(10, 0, True))
    assert looser(renewed, renewed, ()) == frozenset()
    assert looser(Header("a", lifespan=Lifespan(11)), renewed, ()) == {"lifespan"}


def test_what_never_ends_is_no_bound() -> None:
    endless = Header("a", lifespan=Lifespan(0, half_life=7))
    assert looser(Header("a"), endless, ()) == frozenset()
    assert looser(endless, Header("a", lifespan=Lifespan(10)), ()) == {"lifespan"}


def map_of(*headers: Header) -> list[Restricted]:
    return [Restricted(header) for header in headers]


def test_a_lifespan_that_use_renews_counts_from_the_last_use() -> None:
    renewed = Header("a", lifespan=Lifespan(10, 100, True))
    assert as_used(Restricted(renewed, 150)).lifespan == Lifespan(10, 150, True)
    assert as_used(Restricted(renewed, 50)).lifespan == Lifespan(10, 100, True)
    fixed = Header("a", lifespan=Lifespan(10, 100))
    assert as_used(Restricted(fixed, 150)) == fixed
    assert as_used(Restricted(Header("a"), 150)) == Header("a")


def test_who_may_write_is_in_all_of_the_sources_and_may_read() -> None:
    one = Header("alice", readers=("bob", "carol"), writers=("bob", "dave"))
    other = Header("alice", writers=("bob", "dave"), readers=("bob",))
    made = strictest(Header("alice"), map_of(one, other), LABELS)
    assert made.writers == ("bob", "dave")
    closed = strictest(Header("carol", readers=("carol",)), map_of(one, other), LABELS)
    assert closed.readers == ("carol",)
    assert closed.writers == ("carol",)
    fewer = Header("alice", readers=("bob", "carol"), writers=("bob",))
    made = strictest(Header("alice"), map_of(fewer), LABELS)
    assert (made.readers, made.writers) == (("bob", "carol"), ("bob",))
    silent = strictest(Header("alice"), map_of(Header("bob")), LABELS)
    assert (silent.readers, silent.writers) == ((), ())


def test_the_lifespan_of_what_is_made_ends_with_the_first_and_is_renewed_only_with_all() -> None:
    renewed = Header("a", lifespan=Lifespan(30, 100, True, 7, LifespanEnd.ARCHIVE))
    shorter = Header("a", lifespan=Lifespan(20, 100, True, 5, LifespanEnd.ERASE))
    fixed = Header("a", lifespan=Lifespan(10, 105, False))
    assert strictest(renewed, map_of(shorter), LABELS).lifespan == Lifespan(
        20, 100, True, 7, LifespanEnd.ERASE
    )
    assert strictest(renewed, map_of(fixed), LABELS).lifespan == Lifespan(
        10, 105, False, 7, LifespanEnd.ARCHIVE
    )
    assert strictest(Header("a"), map_of(shorter), LABELS).lifespan == Lifespan(
        20, 100, True, 0, LifespanEnd.ERASE
    )
    endless = Header("a", lifespan=Lifespan(0, 50, half_life=3))
    assert strictest(endless, map_of(fixed), LABELS).lifespan == Lifespan(10, 105, False, 3)
    assert strictest(renewed, map_of(endless), LABELS).lifespan == renewed.lifespan
    assert strictest(endless, map_of(shorter), LABELS).lifespan == Lifespan(
        20, 100, True, 3, LifespanEnd.ERASE
    )
    shortest = Header("a", lifespan=Lifespan(1, 50))
    assert strictest(Header("a"), map_of(shortest), LABELS).lifespan == Lifespan(1, 50)


def test_a_use_renews_what_is_made_by_no_more_than_by_any_of_its_sources() -> None:
    first, shorter = Lifespan(30, 100, True), Lifespan(20, 200, True)
    both = map_of(Header("a", lifespan=first), Header("a", lifespan=shorter))
    made = strictest(Header("a"), both, LABELS).lifespan
    assert made == Lifespan(20, 110, True), "ends at 130, as the first, and lasts 20 from a use"
    fixed = map_of(Header("a", lifespan=Lifespan(30, 100)), Header("a", lifespan=Lifespan(20, 200)))
    assert strictest(Header("a"), fixed, LABELS).lifespan == Lifespan(30, 100)


def test_labels_that_nobody_has_ordered_are_told_with_what_to_do() -> None:
    headers = map_of(Header("a", sensitivity="pii"), Header("a", sensitivity="hr"))
    with pytest.raises(InvalidInput) as refused:
        strictest(Header("a"), headers, LABELS)
    assert str(refused.value) == (
        "of the sensitivities 'hr', 'pii' none is known to be higher: an administrator of the "
        "tenant orders them with set_sensitivities, lowest first"
    )
