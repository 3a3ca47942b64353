"""Every decision has the same four headings, in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DECISIONS = sorted((Path(__file__).parents[2] / "docs" / "decisions").glob("*.md"))
HEADINGS = ["Question", "Choice", "Measured", "What would change it"]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_says_question_choice_measurement_and_what_would_change_it(page: Path) -> None:
    sections = re.split(r"^## (.+)$", page.read_text("utf-8"), flags=re.MULTILINE)
    assert sections[1::2] == HEADINGS
    assert all(text.strip() for text in sections[2::2])


def test_decisions_are_numbered_without_a_gap_and_titled_by_their_number() -> None:
    numbers = [int(page.name[:4]) for page in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    for number, page in zip(numbers, DECISIONS, strict=True):
        assert page.read_text("utf-8").startswith(f"# {number}. ")
