"""What is asked of whom: a task for the assistant, what it said, or what was said in all.

`Can you recommend a book` asks for a book, `what did you recommend` for words that were said.
"""

from __future__ import annotations

import re

from memos.language.port import LONGEST_QUERY, Request

_SAID = (
    r"said|told|suggested|recommended|advised|mentioned|proposed|explained|gave|given|shared"
    r"|offered|listed|wrote|written|answered|warned|described|provided|helped|showed|shown|made"
)
_ASKS_ASSISTANT = re.compile(
    rf"\b(?:did|have|had|were|was) you\b|\byou(?:'ve|'d| have| had)? (?:\w+ly |just |once )?(?:{_SAID})\b"
    r"|\b(?:your|the assistant(?:'s)?) (?:own |previous |earlier |last )?(?:advice|answers?|"
    r"suggestions?|recommendations?|responses?|repl(?:y|ies)|explanations?|proposals?|tips?|words)\b"
    r"|\bthe assistant\b",
    re.IGNORECASE,
)
_WISH = re.compile(
    r"\b(?:can|could|would|will) you (?:\w+ly |please )?(?:help|suggest|recommend|show|explain|advise"
    r"|set|write|make|plan|draft|create|propose|find|guide|teach|like|walk me through how|describe"
    r"|compare|check|review|fix|give me (?:some|a few|any))\b"
    r"|\bplease\b|\bhelp me\b|\bshow me\b|\b(?:should|can|could|might|shall) (?:i|we)\b"
    r"|\bhow (?:do|would) (?:i|we|you)\b|\bdo (?:i|we) need to\b|\bi(?:'d)? (?:want|need|would like|like) to\b"
    r"|\b(?:any|some) (?:good |great |common |popular |other |new |simple )*"
    r"(?:ideas|suggestions|recommendations|options|tips|ways|advice|tools|books|examples)\b"
    r"|\bwhat(?: are|'s| is) (?:some|a good|the best)\b"
    r"|\bi'?m (?:planning|looking|thinking|trying|about|preparing|working|updating|applying)\b"
    r"|^(?:suggest|recommend|explain|show|write|plan|make|draft|create|describe|find|compare)\b",
    re.IGNORECASE,
)
_RECALLS = re.compile(
    r"\b(?:did|have|had|was|were|has) (?:i|we|you|my|our)\b|\bi(?:'ve|'d)? (?!need\b)\w+ed\b"
    r"|\b(?:i've|i have|we've|we have) (?:been|said|told|had|made|done|chosen|spent)\b"
    r"|\bsummar|\brecap\b|\bin which i\b|\b(?:our|these|past) (?:\w+ )?"
    r"(?:conversations?|chats?|discussions?|sessions?|messages)\b"
    r"|\bremind me\b|\bhow many\b|\bhow much (?:did|have)\b|\bbetween when\b",
    re.IGNORECASE,
)
_FEWEST_OF_A_QUESTION = 4
"""Words: fewer, without a question mark, are looked for as they are."""

_SUMMARY = re.compile(r"\b(?:summar\w+|overview|recap)\b", re.IGNORECASE)
_SPEAKS_TO = re.compile(r"\b(?:i|me|my|you|your|our|we)\b", re.IGNORECASE)

_FRAME = """
answer aspect aspects ask asked asking bring bringing brief briefly brought chat chats
clear complete comprehensive consider considering conversation conversations describe detail
details detailed different difference discuss discussed discussing discussion discussions
explain give given help item items list listed mention mentioned mentioning message messages
need order outline overall overview passed please provide question questions quick recall
recap recommend recommended related remember remind request requests say saying said session
sessions show some step steps suggest suggested summarise summarize summary talk talked
talking tell thing things throughout told topic topics total various walk want way ways would
across between many days weeks months
"""
FRAME = frozenset(_FRAME.split())
"""Words by which people say how they want to be answered, more often than what about."""


def request(query: str) -> Request:
    """What a query asks of whom."""
    query = query[:LONGEST_QUERY].replace("’", "'")
    speaks = bool(_SPEAKS_TO.search(query))
    wish = bool(_WISH.search(query)) and not _SUMMARY.search(query)
    recalls = bool(_RECALLS.search(query)) and not wish
    is_task = wish or (speaks and not recalls)
    return Request(
        asks_assistant=bool(_ASKS_ASSISTANT.search(query)),
        recalls=recalls,
        looks_up=not is_task and "?" not in query and len(query.split()) < _FEWEST_OF_A_QUESTION,
        is_task=is_task,
        frame=FRAME if speaks else frozenset(),
    )
