"""Calls about the words that a tenant uses: tags, vocabularies, labels of sensitivity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from memos.interface.memory.door import Door

if TYPE_CHECKING:
    from memos.operation.receipt import Receipt
    from memos.operation.validation import AsOf
    from memos.operation.vocabulary import Vocabulary


class TaggingCalls(Door):
    """Calls about the words that a tenant uses: tags, vocabularies, labels of sensitivity. See `Memory`."""

    def tags(self, scope: str, *, as_of: AsOf | None = None) -> dict[str, int]:
        """How many memories in a scope and under it carry each tag, the commonest first.

        Only memories that the actor may read are counted, and no tag of another is named.
        """
        from memos.operation.reads.vocabulary import tags

        return tags(self._session, scope, as_of)

    def vocabulary(self, scope: str) -> Vocabulary:
        """The tags that a scope is to use: its own vocabulary and those of the scopes above it.

        Raises:
            Denied: the actor may not read one of them.
        """
        from memos.operation.reads.vocabulary import vocabulary

        return vocabulary(self._session, scope)

    def set_vocabulary(self, scope: str, tags: Iterable[str], *, closed: bool = False) -> Receipt:
        """Say which tags a scope, and all that lies under it, is to use.

        A scope below may add tags of its own. Where one vocabulary on the way is closed, memories
        are given no other tags: `add`, `add_conversation`, `merge`, `update` and `tag` refuse
        them. What has them already keeps them; what another vault exported is loaded as it is.

        The vocabulary is a memory: the receipt's cube has versions, history and rollback;
        `archive` takes it out of force, `freeze` keeps it, and its header says who may change it.

        Args:
            scope: where.
            tags: the tags, instead of those set before.
            closed: whether no others are taken.

        Raises:
            Denied: the actor may not write in the scope, or may not change its vocabulary.
        """
        from memos.operation.commands.vocabulary import set_vocabulary

        return set_vocabulary(self._session, scope, tags, closed=closed)

    def set_sensitivities(self, tenant: str, labels: Iterable[str]) -> Receipt:
        """Say which labels of sensitivity a tenant has, lowest first; an administrator's act.

        What is made of several memories takes the highest of theirs. A label that is not named is
        higher than all that are.

        Args:
            tenant: the first segment of its scopes.
            labels: the labels, instead of those set before.

        Raises:
            Denied: the actor does not administer the tenant.
        """
        from memos.operation.commands.sensitivities import set_sensitivities

        return set_sensitivities(self._session, tenant, labels)

    def sensitivities(self, tenant: str) -> tuple[str, ...]:
        """The labels of sensitivity that a tenant has set, lowest first.

        Raises:
            Denied: the actor is narrowed to another tenant.
        """
        from memos.operation.commands.sensitivities import sensitivities

        return sensitivities(self._session, tenant)
