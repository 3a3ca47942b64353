"""What a door has: its own methods, and those of the families that it is made of."""

from __future__ import annotations


def members_of(door: type) -> list[tuple[str, object]]:
    """The members of a class, by name, those of its bases first and in their order."""
    members: dict[str, object] = {}
    for part in (*door.__bases__, door):
        members |= vars(part)
    return list(members.items())
