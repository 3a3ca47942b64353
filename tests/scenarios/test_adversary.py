"""Three actors of two tenants try every door: no leak, no change without a right, nothing lost."""

from __future__ import annotations

import pytest

from tests.adversary.adversary import Adversary
from tests.scenarios.place import ADMINISTRATOR, Place

STEPS = {"embedded": 2_000, "distributed": 120}


# An interrupt that comes amid a callback of the garbage collector is told and goes on, in Python.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_adversary_gets_nothing_by_any_door(place: Place) -> None:
    acme, rival = f"{place.tenant}-acme", f"{place.tenant}-rival"
    steps = STEPS[place.engine]
    place.open()  # the vault is its administrator's
    adversary = Adversary(
        place.path,
        seed=11,
        compare_every=max(500, steps),
        administrator=ADMINISTRATOR,
        rebuilds=place.is_embedded,
        tenants={"agent:anna": acme, "agent:bob": acme, "agent:eve": rival},
    )
    verdict = adversary.run(steps)
    assert (verdict.leaks, verdict.unauthorised, verdict.lost, verdict.broken) == ([], [], [], [])
    assert verdict.done["erase"] > 0
    assert verdict.done["rollback"] > 0
    assert verdict.interrupted > 10 or not place.is_embedded
