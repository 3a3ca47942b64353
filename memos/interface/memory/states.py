"""Calls that take a memory from one state to another, and end what has outlived its lifespan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memos.interface.memory.door import Door

if TYPE_CHECKING:
    from memos.operation.commands.sweep import Sweep
    from memos.operation.receipt import Receipt


class StateCalls(Door):
    """Calls that take a memory from one state to another, and end what has outlived its lifespan. See `Memory`."""

    def archive(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Put a memory out of sight of searches; its history stays."""
        from memos.operation.commands.lifecycle import archive

        return archive(self._session, cube_id, expected_version)

    def restore(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Bring an archived or expired memory back, as Activated.

        Raises:
            IllegalMove: it is in another state; or it has outlived its lifespan, and would stay out of
                sight: `set_lifespan` gives it another.
        """
        from memos.operation.commands.lifecycle import restore

        return restore(self._session, cube_id, expected_version)

    def freeze(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Stop every change of a memory, and its expiry, until `thaw`.

        An administrator's erase goes through a freeze, an end of a lifespan that they set, and an
        erase of what the memory was made of; the receipt says so. All others are refused.

        Raises:
            Denied: the actor neither owns nor administers it; or it is made of memories that end, and
                they do not administer every one of them.
        """
        from memos.operation.commands.lifecycle import freeze

        return freeze(self._session, cube_id, expected_version)

    def thaw(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """End a freeze; the memory goes back to where it was.

        Raises:
            Held: it is under a legal hold, which `lift_hold` ends.
        """
        from memos.operation.commands.lifecycle import thaw

        return thaw(self._session, cube_id, expected_version)

    def hold(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """Put a memory under a legal hold: no change, no expiry and no erase until `lift_hold`.

        An owner's freeze becomes a hold by it.

        Raises:
            Denied: the actor does not administer the tenant.
        """
        from memos.operation.commands.lifecycle import hold

        return hold(self._session, cube_id, expected_version)

    def lift_hold(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """End a legal hold; the memory goes back to where it was.

        Raises:
            Denied: the actor does not administer the tenant.
        """
        from memos.operation.commands.lifecycle import lift_hold

        return lift_hold(self._session, cube_id, expected_version)

    def sweep(self) -> Sweep:
        """End what has outlived its lifespan: archive, expire or erase it, as its header says.

        In every tenant that the caller administers, judged by the vault's clock. A lifespan acts
        with the right of whoever set it, as it is now: what they may not end so by hand stays, and
        is named in `held`. Where it erases, what was derived from the memory goes with it as far as
        that actor may decide over it, and the rest is named in `left`. A freeze yields to what an
        administrator set, a hold to nothing. What an import would have erased
        and was held goes now, where its hold was lifted.

        Raises:
            Denied: the caller administers no tenant.
        """
        from memos.operation.commands.sweep import sweep

        return sweep(self._session)
