"""The real Milvus server with users, and TLS alone."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from memos.infrastructure.index.milvus import Milvus, MilvusSettings
from memos.kernel.errors import IndexUnavailable
from tests.infrastructure.index.milvus.support import Vectors, span, unit
from tests.infrastructure.security.servers import (
    MILVUS_ADMINISTRATOR,
    PASSWORD,
    USER,
    WRONG,
    SecuredMilvus,
)
from tests.waiting import wait_until

SOON_SECONDS = 30.0


@pytest.fixture(scope="module")
def settings(milvus: SecuredMilvus) -> MilvusSettings:
    """A user's, who may do everything."""
    trusted = str(milvus.directory / "authority.pem")
    root = MilvusSettings(milvus.address, token=MILVUS_ADMINISTRATOR, tls_ca=trusted, timeout=60)
    with ExitStack() as at_end:
        administrator = at_end.enter_context(closing(Milvus(root)))
        administrator.client.create_user(USER, PASSWORD)
        settings = replace(root, token=f"{USER}:{PASSWORD}")
        user = at_end.enter_context(closing(Milvus(settings)))
        assert not _is_administrator(user)
        administrator.client.grant_role(USER, "admin")
        wait_until(lambda: _is_administrator(user), "the role that the user was granted")
    return settings


def _is_administrator(user: Milvus) -> bool:
    """Whether the server serves the role already: it answers a grant before it follows it."""
    try:
        return USER in user.client.list_users()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
            raise
        return False


def test_vectors_are_written_and_found_over_tls_by_a_user(settings: MilvusSettings) -> None:
    with closing(Milvus(settings)) as connected:
        vectors = Vectors(connected)
        after = vectors.upsert(span(1, 10, unit(1)), span(2, 11, unit(1, 1)))
        assert vectors.cubes("acme", 12, after) == [1, 2]
        vectors.generations.drop_all()


@pytest.mark.parametrize("token", [f"{USER}:{WRONG}", f"nobody:{WRONG}", ""])
def test_a_wrong_token_is_told_with_the_server_and_what_to_correct(
    settings: MilvusSettings, token: str, capfd: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    with pytest.raises(IndexUnavailable, match=rf"{settings.uri}.*auth.*milvus\.token") as refused:
        Milvus(replace(settings, token=token)).capabilities()
    assert time.monotonic() - began < SOON_SECONDS
    for text in (str(refused.value), repr(settings), *capfd.readouterr()):
        assert WRONG not in text
        assert PASSWORD not in text


def test_a_server_that_shows_a_strangers_certificate_is_not_trusted(
    settings: MilvusSettings, stranger: Path
) -> None:
    # The driver shares connections of one address and token: another token makes another one.
    asked = replace(settings, token=f"stranger:{WRONG}", tls_ca=str(stranger))
    began = time.monotonic()
    with pytest.raises(IndexUnavailable, match=rf"(?i){settings.uri}.*certificate.*tls_ca"):
        Milvus(asked).capabilities()
    assert time.monotonic() - began < SOON_SECONDS


def test_a_connection_in_clear_to_a_server_of_tls_is_told(settings: MilvusSettings) -> None:
    uri = settings.uri.replace("https://", "http://")
    asked = replace(settings, uri=uri, token=f"clear:{WRONG}", tls_ca="", timeout=2)
    began = time.monotonic()
    with pytest.raises(IndexUnavailable, match=rf"{uri}.*milvus\.uri"):
        Milvus(asked).capabilities()
    assert time.monotonic() - began < SOON_SECONDS
