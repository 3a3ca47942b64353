"""Which form was decided on last for a memory, as its own events say."""

from __future__ import annotations

from collections.abc import Sequence

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import Form
from memos.kernel.event import Kind
from memos.kernel.outcome import Result
from memos.operation.scheduler.port import FORMS

CHOICES = {form: form.name.lower() for form in FORMS}
"""What a Decided event calls the forms that are decided on."""
_FORMS = {choice: form for form, choice in CHOICES.items()}


def decided_form(reader: Reader, attempts: Sequence[Attempt]) -> Form:
    """The form that the last of some attempts on a cube chose which was a decision; plaintext where there
    was none.
    """
    for attempt in reversed(attempts):
        if attempt.kind is Kind.DECIDED and attempt.outcome.result is Result.ACCEPTED:
            form = _FORMS.get(reader.event(attempt.position).decided.choice)
            if form is not None:  # else it chose something else than a form
                return form
    return Form.PLAINTEXT
