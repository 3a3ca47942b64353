from __future__ import annotations

import pytest

from memos.infrastructure.index.milvus import Milvus, MilvusSettings
from memos.infrastructure.index.milvus.connection import capabilities_of
from memos.infrastructure.servers import ports
from memos.kernel.errors import IndexUnavailable, InvalidInput


def test_the_token_is_never_shown() -> None:
    settings = MilvusSettings("https://milvus.example:19530", token="root:s3cret")
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize("uri", ["localhost:19530", "file.db", "http://", "tcp://a:1"])
def test_a_uri_that_names_no_server_is_refused(uri: str) -> None:
    with pytest.raises(InvalidInput, match=r"milvus\.uri must look like"):
        MilvusSettings(uri)


def test_credentials_in_a_uri_are_refused_without_repeating_them() -> None:
    with pytest.raises(InvalidInput) as caught:
        MilvusSettings("http://root:s3cret@localhost:19530")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "1a", "a-b", 'a"', "a" * 101])
def test_a_prefix_that_collections_cannot_have_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidInput, match=r"milvus\.prefix"):
        MilvusSettings("http://localhost:19530", prefix=prefix)


def test_an_unknown_consistency_is_refused() -> None:
    with pytest.raises(InvalidInput, match="one of Strong, Bounded"):
        MilvusSettings("http://localhost:19530", consistency="eventual")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("version", "sparse"),
    [("v2.3.5-lite", False), ("milvus_lite-3.2.2", True), ("v2.4.0", True), ("2.6.1", True)],
)
def test_a_version_tells_whether_there_are_sparse_vectors(version: str, sparse: bool) -> None:
    assert capabilities_of(version, "http://x:1").sparse is sparse


@pytest.mark.parametrize("version", ["v2.2.16", "1.1.0", "unknown"])
def test_a_server_that_is_too_old_is_named_with_what_to_do(version: str) -> None:
    with pytest.raises(IndexUnavailable, match=f"http://x:1 calls itself '{version}'.*upgrade it"):
        capabilities_of(version, "http://x:1")


def test_a_server_that_does_not_answer_is_named_with_what_to_do() -> None:
    uri = f"http://127.0.0.1:{ports.choose(('nobody',))['nobody']}"
    with pytest.raises(IndexUnavailable, match=f"Milvus at {uri} did not let us in.*Start it"):
        Milvus(MilvusSettings(uri, timeout=0.5)).capabilities()
