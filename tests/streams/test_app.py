"""The Faust app of a worker, before it meets a server."""

from __future__ import annotations

import pytest

from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.kernel.errors import InvalidInput
from streams.app import make_app


@pytest.mark.parametrize("instance", ["", "a b", "häuschen", "x" * 250])
def test_a_name_that_no_member_of_a_group_has_is_refused(instance: str) -> None:
    with pytest.raises(InvalidInput, match="--instance takes up to 249 letters"):
        make_app(KafkaSettings("127.0.0.1:1"), "group", lambda _: None, instance)
