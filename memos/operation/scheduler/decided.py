"""Which form was decided on last for a memory, as its own events say."""

from __future__ import annotations

from memos.infrastructure.engine.reader import Reader
from memos.kernel.cube import Form
from memos.kernel.event import Kind
from memos.kernel.moment import NEWEST, At
from memos.kernel.outcome import Result

CHOICES = {form: form.name.lower() for form in (Form.PLAINTEXT, Form.ACTIVATION)}
"""What a Decided event calls the forms that are decided on."""
_FORMS = {choice: form for form, choice in CHOICES.items()}


def decided_form(reader: Reader, cube_id: bytes, at: At = NEWEST) -> Form:
    """The form that the last decision on a cube chose; plaintext where there was none."""
    for attempt in reversed(reader.vault.attempts(cube_id, at)):
        if attempt.kind is Kind.DECIDED and attempt.outcome.result is Result.ACCEPTED:
            form = _FORMS.get(reader.event(attempt.position).decided.choice)
            if form is not None:  # a choice of something else than a form
                return form
    return Form.PLAINTEXT
