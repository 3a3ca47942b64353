"""Which memory is meant by how its id begins."""

from __future__ import annotations

import re
from itertools import chain

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import NO_MEMORY, CubeState
from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.kernel.event import id_text
from memos.operation.session import Session

FEWEST = 4
"""How many characters say enough to look for."""
_BEGINNING = re.compile(r"[0-9a-f]{1,8}(-[0-9a-f]{0,12}){0,4}")


def find_id(session: Session, beginning: object) -> str:
    """See `Memory.find_id`."""
    given = beginning.lower() if isinstance(beginning, str) else ""
    if len(given) < FEWEST or not _BEGINNING.fullmatch(given):
        raise InvalidInput(
            f"{shorten(beginning)} is no beginning of a cube id: give at least {FEWEST} of its characters, "
            "hexadecimal digits and -"
        )
    found: list[CubeState] = []
    with session.gate.enter("find_id") as passage:
        permitted = passage.permitted(Action.READ)
        with session.engine.read() as reader:
            reached = chain.from_iterable(map(passage.scopes_in, session.tenants()))
            for scope in reached:
                for raw in reader.vault.cubes_in_scope(scope):
                    if not id_text(raw).startswith(given):
                        continue
                    head = reader.vault.head(raw)
                    if head and head.form not in NO_MEMORY and permitted.check(head):
                        found.append(head)
        scope = found[0].scope if len(found) == 1 else ""
        passage.note(scope, [(head.cube_id, head.version) for head in found])
    if not found:
        raise NotFound(f"there is no cube whose id begins with {given}: check it, and the vault")
    if len(found) > 1:
        raise InvalidInput(
            f"{len(found)} ids begin with {given}, {id_text(found[0].cube_id)} and {id_text(found[1].cube_id)} "
            "among them: give more of it"
        )
    return id_text(found[0].cube_id)
