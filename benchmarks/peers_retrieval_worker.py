"""One store over all conversations, in a process of its own: `peers_retrieval` starts it.

python -m benchmarks.peers_retrieval_worker STORE DIRECTORY, with what is asked as JSON on stdin
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import timed
from benchmarks.peers_finders import FINDERS, Finder, Session
from benchmarks.peers_retrieval import DEPTH, chosen
from benchmarks.peers_worker import offline
from benchmarks.scoring import Conversation


def measure(store: Finder, conversations: Sequence[Conversation]) -> dict[str, Any]:
    """Take in everything, then ask everything; times in seconds, of adds by the turn."""
    added: list[float] = []
    spent, turns = 0.0, 0
    for conversation in conversations:
        for session in conversation.sessions:
            kept = Session(session.name, session.at, session.turns)
            took = timed(partial(store.add, conversation.name, kept))
            added.append(took / len(session.turns))
            spent += took
            turns += len(session.turns)
    spent += timed(store.ready)
    found: dict[str, list[str]] = {}
    searched: list[float] = []
    for conversation in conversations:
        for question in conversation.questions:
            name = f"{conversation.name}/{question.name}"
            ask = partial(store.find, conversation.name, question.text, DEPTH)
            searched.append(timed(partial(_keep, found, name, ask)))
    return {"add": added, "ready": spent / turns, "search": searched, "found": found}


def _keep(found: dict[str, list[str]], name: str, ask: partial[list[str]]) -> None:
    found[name] = ask()


def main() -> None:
    """Answer, as JSON on the last line."""
    store, directory = sys.argv[1:]
    asked = json.loads(sys.stdin.read())
    conversations = chosen(Path(asked["data"]).read_bytes(), asked["conversations"])
    offline()
    answer = measure(FINDERS[store](Path(directory)), conversations)
    print(json.dumps({**answer, "load": os.getloadavg()[0]}), flush=True)
    os._exit(0)  # a store's own threads may not end


if __name__ == "__main__":
    main()
