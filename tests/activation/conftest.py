"""The tiny models that reading is tested on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.activation.tiny_models import MAKERS, TinyModel, tiny_model


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """For models as small as these, waking a second thread takes longer than the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", params=sorted(MAKERS))
def model(request: pytest.FixtureRequest) -> TinyModel:
    return tiny_model(request.param)
