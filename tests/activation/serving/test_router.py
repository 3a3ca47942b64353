"""A prefix has a pool of its own; load, deaths and joins move as little as possible."""

from __future__ import annotations

from collections import Counter

from memos.activation.serving.router import ABANDONED_SECONDS, LEAST_LOAD, Router

NAMES = [f"pool-{number}" for number in range(5)]
ROOTS = [number.to_bytes(32) for number in range(400)]


def router_of(names: list[str]) -> Router:
    router = Router()
    router.observe(dict.fromkeys(names, True), router.losses)
    return router


def places(router: Router) -> dict[bytes, str | None]:
    """Where each root goes while nothing else is asked."""
    found = {}
    for root in ROOTS:
        found[root] = router.begin("one", root)
        router.end("one")
    return found


def test_a_prefix_goes_to_one_pool_and_prefixes_to_all() -> None:
    first, second = places(router_of(NAMES)), places(router_of(NAMES[::-1]))
    assert first == second
    counts = Counter(first.values())
    assert counts.keys() == set(NAMES)
    assert min(counts.values()) > len(ROOTS) / len(NAMES) / 2


def test_a_pool_that_goes_moves_its_own_prefixes_only_and_has_them_back_when_it_comes() -> None:
    router = router_of(NAMES)
    before = places(router)
    router.lost("pool-2")
    without = places(router)
    moved = [root for root in ROOTS if before[root] != without[root]]
    assert moved == [root for root in ROOTS if before[root] == "pool-2"]
    assert "pool-2" not in without.values()
    router.observe(dict.fromkeys(NAMES, True), router.losses)
    assert places(router) == before


def test_a_pool_that_joins_takes_about_its_share_and_moves_nothing_else() -> None:
    before, after = places(router_of(NAMES[:4])), places(router_of(NAMES))
    moved = {after[root] for root in ROOTS if before[root] != after[root]}
    assert moved == {"pool-4"}


def test_more_than_its_load_goes_to_the_next_and_comes_back() -> None:
    router = router_of(NAMES[:2])
    taken = [router.begin(f"r{number}", ROOTS[0]) for number in range(40)]
    loads = Counter(taken)
    assert taken[:LEAST_LOAD] == [taken[0]] * LEAST_LOAD
    assert loads[taken[0]] in range(28, 32)  # 1.5 times the mean
    assert sum(loads.values()) == 40
    assert router.figures().diverted == 40 - loads[taken[0]]
    for number in range(40):
        router.end(f"r{number}")
    assert router.begin("again", ROOTS[0]) == taken[0]


def test_one_that_is_known_dead_gets_nothing_and_none_is_told() -> None:
    router = router_of(NAMES[:1])
    router.lost("pool-0")
    assert router.begin("r", ROOTS[0]) is None
    assert router.figures().unrouted == 1
    router.observe({}, router.losses)
    assert router.begin("r", ROOTS[0]) is None


def test_a_look_from_before_a_loss_does_not_bring_a_pool_back() -> None:
    router = router_of(NAMES[:1])
    losses = router.losses
    router.lost("pool-0")
    router.observe({"pool-0": True}, losses)
    assert router.begin("r", ROOTS[0]) is None
    router.observe({"pool-0": True}, router.losses)
    assert router.begin("r", ROOTS[0]) == "pool-0"


def test_one_that_has_just_failed_is_avoided_where_there_is_another() -> None:
    router = router_of(NAMES[:2])
    first = router.begin("r", ROOTS[0])
    assert first is not None
    assert router.begin("r", ROOTS[0], [first]) not in (None, first)
    assert router.begin("r", ROOTS[0], NAMES[:2]) == first


def test_a_request_asked_again_counts_once_and_one_of_a_dead_process_not_for_ever() -> None:
    now = 0.0
    router = Router(lambda: now)
    router.observe({"pool-0": True}, router.losses)
    for _ in range(3):
        router.begin("r", ROOTS[0])
    assert router.figures().in_flight == {"pool-0": 1}
    now = ABANDONED_SECONDS + 1
    assert router.figures().in_flight == {"pool-0": 0}
