"""How much of the evidence does search find in chats of a user with an assistant?

    python -m benchmarks.beam --data DIR [--recipe NAME] [--chats 1,2] [--twice] [--json FILE]
        [--check]

For chats in the format of BEAM (Tavakoli et al., 2025), which is not part of this project. Every
directory under DIR that holds a `chat.json` is a chat; its `probing_questions.json` stands beside
it or in `probing_questions/`. A chat is a list of batches `{turns: [[message, ...], ...],
time_anchor}`, or of plans `{"plan-1": [batch, ...]}`; a message has `role`, `id` and `content`,
and now and then a `time_anchor`. Questions are grouped by ability, and their `source_chat_ids` are
ids of messages, in lists or mappings of lists. All messages go in, with their role; a batch is a
session. A question whose evidence is no message of its chat is skipped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import scoring_run
from benchmarks.scoring import Conversation, Question, Session

CHAT = "chat.json"
QUESTIONS = "probing_questions.json"
_DATES = ("%B-%d-%Y", "%B %d, %Y", "%b %d, %Y", "%Y-%m-%d", "%m/%d/%Y", "%m-%d-%Y")


def load(directory: Path) -> list[Conversation]:
    """Every chat under a directory, in the order of their names, numbers as numbers.

    Raises:
        FileNotFoundError: there is none, or one has no questions.
    """
    found = sorted((file.parent for file in directory.rglob(CHAT)), key=_natural)
    if not found:
        raise FileNotFoundError(f"no {CHAT} under {directory}")
    return [_conversation(chat, directory) for chat in found]


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in path.parts]


def _conversation(chat: Path, directory: Path) -> Conversation:
    sessions = list(sessions_of(json.loads((chat / CHAT).read_text(encoding="utf-8"))))
    known = frozenset(turn["id"] for session in sessions for turn in session.turns)
    asked = json.loads(_questions_file(chat).read_text(encoding="utf-8"))
    questions = [
        Question(
            f"{ability}-{number}",
            each["question"],
            ability,
            known.intersection(source_ids(each.get("source_chat_ids"))),
        )
        for ability, listed in asked.items()
        for number, each in enumerate(listed)
    ]
    usable = [question for question in questions if question.gold]
    name = "-".join(chat.relative_to(directory).parts) or chat.name
    return Conversation(name, sessions, usable, len(questions) - len(usable))


def _questions_file(chat: Path) -> Path:
    for file in (chat / QUESTIONS, chat / "probing_questions" / QUESTIONS):
        if file.exists():
            return file
    raise FileNotFoundError(f"{chat} has no {QUESTIONS}")


def sessions_of(chat: Iterable[Mapping[str, Any]]) -> Iterator[Session]:
    """The batches of a chat; one without a message is none."""
    for name, batch in _batches(chat):
        messages = [message for turn in batch["turns"] for message in turn]
        if messages:
            anchor = next((m["time_anchor"] for m in messages if m.get("time_anchor")), None)
            at = moment(anchor or batch.get("time_anchor"))
            yield Session(name, at, [_turn(message) for message in messages])


def _batches(chat: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, entry in enumerate(chat, 1):
        if "turns" in entry:
            yield str(entry.get("batch_number", number)), entry
        else:
            for plan, batches in entry.items():
                for inner, batch in enumerate(batches, 1):
                    yield f"{plan}/{batch.get('batch_number', inner)}", batch


def _turn(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": str(message["id"]), "role": message["role"], "text": message["content"]}


def moment(anchor: str | None) -> datetime | None:
    """The day that a time anchor names; None for one that names none, which is no error here."""
    for form in _DATES if anchor else ():
        try:
            return datetime.strptime(str(anchor).strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def source_ids(source: object) -> Iterator[str]:
    """The ids of messages in a list, a mapping of lists, or lists in lists."""
    if isinstance(source, Mapping):
        source = list(source.values())
    if isinstance(source, list):
        for each in source:
            yield from source_ids(each)
    elif source is not None:
        yield str(source)


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; the exit code."""
    given = _parse(arguments)
    conversations = load(given.data)
    if given.chats is not None:
        conversations = [each for each in conversations if each.name in given.chats]
    if not any(each.questions for each in conversations):
        print("no question here has evidence: nothing to score")
        return 1
    undated = sum(session.at is None for each in conversations for session in each.sessions)
    about = {
        "data sha256": _digest(given.data),
        "sessions without a day": undated,
        "messages with the id of another": _repeated(conversations),
    }
    return scoring_run.measure("beam", given, conversations, groups(conversations), about)


def groups(conversations: Iterable[Conversation]) -> dict[str, list[str]]:
    """All abilities together, then each."""
    asked = (question.category for each in conversations for question in each.questions)
    abilities = sorted(set(asked))
    return {"all": abilities, **{ability: [ability] for ability in abilities}}


def _repeated(conversations: Iterable[Conversation]) -> int:
    count = 0
    for each in conversations:
        ids = [turn["id"] for session in each.sessions for turn in session.turns]
        count += len(ids) - len(set(ids))
    return count


def _digest(directory: Path) -> str:
    """SHA-256 over the files read, in the order of their names."""
    found = hashlib.sha256()
    for name in (CHAT, QUESTIONS):
        for file in sorted(directory.rglob(name)):
            found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = scoring_run.parser("beam", __doc__)
    parser.add_argument("--data", type=Path, required=True, help="a directory of chats")
    parser.add_argument("--chats", type=lambda text: text.split(","), help="only these: 1,2")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
