"""How much of LoCoMo's evidence does search find?

    python -m benchmarks.locomo --data locomo10.json [--recipe NAME] [--embedder NAME] [--level turn|session]
        [--conversations 0,1] [--twice] [--json FILE] [--check]

LoCoMo (Maharana et al., 2024, CC BY-NC 4.0) is not part of this project: give the path of its
file, `data/locomo10.json` of snap-research/LoCoMo or a part of it. Turns bring text, speaker,
session, session time and what their picture shows. What else the file says of them, `query`,
`observation`, `session_summary` and `event_summary`, was made from the answers and stays out.

Evidence is split on semicolons, commas and spaces; ids of no turn are dropped, and a question left
with none is skipped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import scoring_run
from benchmarks.scoring import Conversation, Question, Session

CATEGORIES = {
    1: "multi-hop",
    2: "temporal",
    3: "open-domain",
    4: "single-hop",
    5: "adversarial",
}
GROUPS: Mapping[str, Iterable[str]] = {
    "1-4": [CATEGORIES[number] for number in range(1, 5)],
    "1-5": [*CATEGORIES.values()],
    **{name: [name] for name in CATEGORIES.values()},
}
UNITS = {"turn": "id", "session": "session"}
_SESSION = re.compile(r"session_(\d+)")
_BETWEEN_IDS = re.compile(r"[;,\s]+")


def load(data: bytes, level: str = "turn") -> list[Conversation]:
    """The conversations of a LoCoMo file, with the evidence as turns or as sessions."""
    return [_conversation(sample, level) for sample in json.loads(data)]


def _conversation(sample: Mapping[str, Any], level: str) -> Conversation:
    sessions = list(_sessions(sample["conversation"]))
    units = {
        turn["id"]: turn["id"] if level == "turn" else session.name
        for session in sessions
        for turn in session.turns
    }
    questions = [
        Question(
            f"q{number}",
            qa["question"],
            CATEGORIES[qa["category"]],
            frozenset(units[turn] for turn in evidence_ids(qa.get("evidence") or (), units)),
        )
        for number, qa in enumerate(sample["qa"])
    ]
    asked = [question for question in questions if question.gold]
    return Conversation(sample["sample_id"], sessions, asked, len(questions) - len(asked))


def _sessions(conversation: Mapping[str, Any]) -> Iterable[Session]:
    """The sessions in order. There are date-times of sessions that do not exist."""
    numbers = sorted(int(match[1]) for key in conversation if (match := _SESSION.fullmatch(key)))
    for number in numbers:
        said = [_turn(turn) for turn in conversation[f"session_{number}"]]
        if said:
            at = session_time(conversation[f"session_{number}_date_time"])
            yield Session(str(number), at, said)


def _turn(turn: Mapping[str, Any]) -> dict[str, Any]:
    taken = {"id": turn["dia_id"], "speaker": turn["speaker"], "text": turn["text"]}
    caption = turn.get("blip_caption")
    return {**taken, "caption": caption} if caption else taken


def session_time(text: str) -> datetime:
    """A time such as `1:56 pm on 8 May, 2023`; LoCoMo names no zone, so UTC."""
    return datetime.strptime(text.strip(), "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)


def evidence_ids(evidence: Iterable[str], known: Iterable[str]) -> set[str]:
    """The ids of turns that exist, from evidence that now and then holds several in one text."""
    return {each for text in evidence for each in _BETWEEN_IDS.split(text)} & set(known)


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; the exit code."""
    given = _parse(arguments)
    data = given.data.read_bytes()
    conversations = load(data, given.level)
    if given.conversations is not None:
        conversations = [conversations[number] for number in given.conversations]
    about = {"level": given.level, "data sha256": hashlib.sha256(data).hexdigest()}
    return scoring_run.measure("locomo", given, conversations, GROUPS, about, UNITS[given.level])


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = scoring_run.parser("locomo", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="LoCoMo's JSON file")
    parser.add_argument("--level", choices=[*UNITS], default="turn")
    parser.add_argument("--conversations", type=numbers, help="only these, by number: 0,1")
    return parser.parse_args(arguments)


def numbers(text: str) -> list[int]:
    """Whole numbers between commas."""
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    raise SystemExit(main())
