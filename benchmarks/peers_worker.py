"""One question to one store, in a process of its own: `peers` starts it, and reads what it prints.

python -m benchmarks.peers_worker STORE QUESTION DIRECTORY COUNT
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.harness import timed
from benchmarks.peers_port import Store
from benchmarks.peers_stores import STORES
from benchmarks.texts import Texts

SEARCHES = 100
BEST = 10
THREADS = 8
CHANGES = 25
"""Increments by each thread."""
BESIDE = 50
"""Memories beside the one that is deleted."""
DELETED = "quizzaciously vermiculate blorptangle zyxomma kwyjiboan frindleflax"
"""The text to be deleted, of words that nothing else holds."""

Answer = dict[str, Any]
Opener = Callable[[], Store]


def offline() -> None:
    """No telemetry and no network, whatever a store tries."""
    os.environ.update(
        MEM0_TELEMETRY="False",
        ANONYMIZED_TELEMETRY="False",
        LANGSMITH_TRACING="false",
        OPENAI_API_KEY="unused",
        HF_HUB_OFFLINE="1",
    )

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError("the benchmarks use no network")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = refuse


def latency(opened: Opener, count: int) -> Answer:
    """Seconds of each add and each search, and how often a text was found by six of its words."""
    store = opened()
    texts = Texts().take(count)
    added = [timed(partial(store.add, text, f"key-{n}")) for n, text in enumerate(texts)]
    searched: list[float] = []
    found = 0
    for text in texts[:: max(1, count // SEARCHES)]:
        results: list[str] = []
        query = " ".join(text.split()[0:12:2])
        try:
            searched.append(timed(partial(_search, store, query, results)))
        except NotImplementedError:
            break
        found += text in results
    store.close()
    share = found / len(searched) if searched else None
    return {"add": added, "search": searched, "found": share, "lacks": store.lacks()}


def _search(store: Store, query: str, results: list[str]) -> None:
    results.extend(store.search(query, BEST))


def retry(opened: Opener, count: int) -> Answer:
    """Each write sent twice; how many memories there are too many."""
    store = opened()
    for number, text in enumerate(Texts().take(count)):
        store.add(text, f"key-{number}")
        store.add(text, f"key-{number}")
    kept = store.count()
    store.close()
    return {"duplicates": kept - count}


def delete(opened: Opener, count: int) -> Answer:
    """One memory among others, added, searched, deleted; the caller then looks at the files."""
    store = opened()
    texts = Texts().take(count)
    for number, text in enumerate(texts):
        store.add(text, f"key-{number}")
    id_ = store.add(DELETED, "key-secret")
    store.delete(id_)
    gone = store.get(id_) is None
    store.close()
    return {"gone": gone}


def change(opened: Opener, count: int) -> Answer:
    """Eight threads, each adding one to the same memory, again and again."""
    store = opened()
    id_ = store.add("0", "key-number")
    done = [0] * THREADS
    refused: list[str] = []
    started = threading.Barrier(THREADS)

    def work(number: int) -> None:
        started.wait()
        for _ in range(count):
            try:
                store.change(id_)
                done[number] += 1
            except Exception as error:  # noqa: BLE001 - whatever a store raises, it lost nothing
                refused.append(f"{type(error).__name__}: {error}"[:200])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = int(store.get(id_) or "0")
    store.close()
    return {"told done": sum(done), "last": last, "refused": refused}


def write(opened: Opener, count: int) -> Answer:
    """Write until killed, telling each id once the store has told that it is written."""
    store = opened()
    for number, text in enumerate(Texts(seed=count).take(100_000)):
        print(store.add(text, f"round-{count}-key-{number}"), flush=True)
    return {}


def survivors(opened: Opener, count: int) -> Answer:
    """Of the ids on standard input, those that are not there."""
    store = opened()
    ids = sys.stdin.read().split()
    lost = [id_ for id_ in ids if not store.get(id_)]
    store.add("It goes on.", f"after-{count}")
    store.close()
    return {"lost": lost}


QUESTIONS = {work.__name__: work for work in (latency, retry, delete, change, write, survivors)}


def main() -> None:
    """Answer, as JSON on the last line."""
    store, question, directory, count = sys.argv[1:]
    offline()
    opened = partial(STORES[store], Path(directory))
    print(json.dumps(QUESTIONS[question](opened, int(count))), flush=True)


if __name__ == "__main__":
    main()
