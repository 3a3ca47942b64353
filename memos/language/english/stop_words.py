"""English words that say nothing about a text's subject."""

from __future__ import annotations

_WORDS = """
a about above after again against all also am an and any are aren as at be because been before
being below between both but by can cannot could couldn did didn do does doesn doing don down
during each else even ever few for from further get gets getting got had hadn has hasn have
haven having he her here hers herself him himself his how however i if in into is isn it its
itself just let lets like ll m ma may me might mightn mine more most much must mustn my myself
no nor not now o of off oh ok okay on once one only or other our ours ourselves out over own
quite re really s same shan she should shouldn so some such sure t than that thats the their
theirs them themselves then there these they this those through to too under until up upon us
ve very was wasn we well were weren what when where which while who whom whose why will with
won would wouldn yeah yes yet you your yours yourself yourselves
"""
STOP_WORDS = frozenset(_WORDS.split())

TURNING_WORDS = frozenset(
    [
        "not",
        "no",
        "nor",
        "off",
        "on",
        "out",
        "up",
        "down",
        "over",
        "under",
        "before",
        "after",
        "against",
        "above",
        "below",
    ]
)
"""Those that turn a meaning round: the heater is on, or off."""
