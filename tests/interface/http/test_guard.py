"""What no route may see: other hosts and pages, keys in addresses, bodies of the wrong kind."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from memos import Memory
from memos.interface.http.settings import HttpSettings
from tests.interface.http.served import Caller, Served, add, answer_on, check_problem, logged

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_of_this_machine_is_not_answered_to(alice: Caller, host: str) -> None:
    refused = alice.client.get("/v1/memories", headers={"Host": host})
    check_problem(refused, 421, "misdirected")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8420", "127.0.0.1:1", "[::1]:99"])
def test_the_names_of_this_machine_are_answered_to(alice: Caller, host: str) -> None:
    assert alice.client.get("/v1/memories", headers={"Host": host}).status_code == 200


def test_a_page_of_another_origin_gets_nothing_and_is_told_nothing_of_the_answer(
    alice: Caller, served: Served
) -> None:
    odd = ("http://[", "http://]x", "http://a:b[", "://")
    for origin in ("https://evil.example", "null", "http://localhost:1", *odd):
        refused = alice.client.get("/v1/memories", headers={"Origin": origin})
        check_problem(refused, 403, "cross-origin")
        assert not [name for name in refused.headers if name.startswith("access-control")]
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert alice.client.options("/v1/memories", headers=asked).status_code == 403
    for site in ("cross-site", "same-site"):
        refused = alice.client.get("/v1/memories", headers={"Sec-Fetch-Site": site})
        check_problem(refused, 403, "cross-origin")
    for own in ({"Origin": served.address}, {"Sec-Fetch-Site": "same-origin"}):
        assert alice.client.get("/v1/memories", headers=own).status_code == 200


def test_pages_that_are_let_in_are_told_the_answer_and_no_others(tmp_path: Path) -> None:
    settings = HttpSettings(anonymous=True, origins=("https://app.example",))
    with Memory(tmp_path / "v") as memory, Served(memory, settings) as server:
        client = server.client()
        page = {"Origin": "https://app.example"}
        answer = client.get("/v1/memories", headers=page)
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
        ahead = {"Access-Control-Request-Method": "PATCH", **page}
        assert client.options("/v1/memories/x", headers=ahead).status_code == 200
        other = client.get("/v1/memories", headers={"Origin": "https://evil.example"})
        check_problem(other, 403, "cross-origin")


@pytest.mark.parametrize(
    "address",
    [
        "?api_key={}",
        "?key=x",
        "?token=x",
        "?ACCESS_TOKEN=x",
        "?scope={}",
        "?a=1&Authorization=x",
        "?{}",
        "?{}=1",
        "?scope=Bearer%20{}",
        "?scope=Bearer+{}",
        "?scope=x;key={}",
        "?scope=acme%2F{}",
        "?scope=memos_short",
        "/{}",
        "/x{}",
        "/Bearer%20{}/history",
        "/%6demos_short",
    ],
)
def test_a_key_in_an_address_is_refused_and_neither_logged_nor_told(
    alice: Caller, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        refused = alice.client.get(f"/v1/memories{address.format(alice.key)}")
        ours = logged(caplog)
    check_problem(refused, 400, "key-in-address")
    assert alice.key not in refused.text
    telling = [vars(record) for record in ours if alice.key in str(vars(record))]
    assert telling == []


def test_a_scope_may_be_called_as_a_key_begins(alice: Caller) -> None:
    answer = alice.client.get("/v1/memories", params={"scope": "acme/memos_integration"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "encoding", ["gzip", "br", "deflate", "zstd", "x-unknown", "gzip, identity"]
)
def test_an_encoded_body_is_refused(alice: Caller, encoding: str) -> None:
    headers = {**JSON, "Content-Encoding": encoding}
    refused = alice.client.post("/v1/search", content=b"\x1f\x8b\x08", headers=headers)
    check_problem(refused, 415, "unsupported-encoding")
    assert refused.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "",
    ],
)
def test_a_body_that_is_no_json_in_utf_8_is_refused(alice: Caller, media_type: str) -> None:
    sent = b'{"query": "tea", "scope": "acme"}'
    refused = alice.client.post("/v1/search", content=sent, headers={"Content-Type": media_type})
    check_problem(refused, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        b"\xff\xfe",
        b'{"query": "\xff", "scope": "acme"}',
        b'{"query": "tea", "scope": "acme", "k": NaN}',
        b"[" * 100_000,
        b'{"query": "tea", "scope": "acme", "filter": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
        b'{"query": "tea", "scope": "acme", "k": ' + b"9" * 10_000 + b"}",
        b'{"query": "\\ud800", "scope": "acme"}',
        b'{"query": "tea", "scope": "\\u0000"}',
        b'"text"',
        b"null",
        '{"query": "tea", "scope": "acme"}'.encode("utf-16"),
        '{"query": "tea", "scope": "acme"}'.encode("utf-8-sig"),
    ],
)
def test_no_body_whatever_it_holds_is_more_than_a_problem(alice: Caller, body: bytes) -> None:
    answer = alice.client.post("/v1/search", content=body, headers=JSON)
    assert answer.status_code in {200, 400, 422}, answer.text
    if answer.status_code != 200:
        assert answer.json()["type"].startswith("urn:memos:problem:")


def test_a_field_that_is_none_or_of_another_kind_is_an_error(alice: Caller) -> None:
    for wrong in (
        {"text": "x", "scope": "acme", "tag": ["a"]},
        {"text": 1, "scope": "acme"},
        {"text": "x", "scope": "acme", "priority": "1"},
        {"text": "x", "scope": "acme", "tags": "a"},
    ):
        told = check_problem(alice.client.post("/v1/memories", json=wrong), 422, "invalid-input")
        assert told["errors"]


def test_a_body_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    settings = HttpSettings(anonymous=True, body_bytes=1000)
    with Memory(tmp_path / "v") as memory, Served(memory, settings) as server:
        client = server.client()
        within = {"text": "x" * 900, "scope": "acme"}
        assert client.post("/v1/memories", json=within).status_code == 201
        over = {"text": "x" * 1000, "scope": "acme"}
        check_problem(client.post("/v1/memories", json=over), 413, "too-large")
        parts = (b"x" * 300 for _ in range(10))
        unannounced = client.post("/v1/memories", content=parts, headers=JSON)
        check_problem(unannounced, 413, "too-large")
        with server.connect() as connection:
            connection.sendall(
                b"POST /v1/memories HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: 99999999999999999999\r\n\r\n"
            )
            told = answer_on(connection)
        assert told.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))


@pytest.mark.parametrize(
    "name", ["Authorization", "Content-Type", "Host", "If-Match", "Idempotency-Key"]
)
def test_a_header_that_stands_twice_is_refused(served: Served, name: str) -> None:
    with served.connect() as connection:
        connection.sendall(
            f"GET /v1/memories HTTP/1.1\r\nHost: localhost\r\n{name}: a\r\n{name}: b\r\n\r\n".encode()
        )
        told = answer_on(connection)
    assert told.startswith(b"HTTP/1.1 400")
    assert b"urn:memos:problem:malformed" in told


def test_no_header_of_an_answer_is_of_a_callers_making(served: Served, alice: Caller) -> None:
    with served.connect() as connection:
        connection.sendall(
            b"GET /v1/memories/a%0d%0aSet-Cookie:%20x=1 HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: close\r\nX-Request-ID: a\rSet-Cookie: x=1\r\n"
            + f"Authorization: Bearer {alice.key}\r\n\r\n".encode()
        )
        head, _, _ = answer_on(connection).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 422"))
    assert b"\r\nset-cookie" not in head.lower()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/memories/../api-keys?tenant=acme",
        "/v1/memories/%2e%2e/%2e%2e/etc/passwd",
        "/v1//memories",
        "/v1/events/",
        "/v1/memories/%00",
        "/v1/memories/a%2fhistory",
        "/V1/memories",
        "/v1/memories/%ff",
        "/v1/memories/" + "9" * 5_000,
        "//evil.example/v1/memories",
    ],
)
def test_a_path_with_tricks_leads_nowhere(served: Served, alice: Caller, path: str) -> None:
    with served.connect() as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {alice.key}\r\n\r\n".encode()
        )
        told = answer_on(connection)
    assert told.startswith((b"HTTP/1.1 404", b"HTTP/1.1 422", b"HTTP/1.1 400")), told[:200]
    assert b"\r\nlocation:" not in told.lower()
    assert b"urn:memos:problem:" in told


def test_another_method_is_told_which_ones_there_are(alice: Caller) -> None:
    refused = alice.client.put("/v1/memories")
    check_problem(refused, 405, "method-not-allowed")
    assert refused.headers["allow"] == "GET, POST"
    where = add(alice).headers["location"]
    assert alice.client.put(where).headers["allow"] == "DELETE, GET, PATCH"
    assert alice.client.request("TRACE", "/v1/memories").status_code == 405
    check_problem(alice.client.get("/v1/nothing"), 404, "no-such-route")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_json_in_another_encoding_is_refused(alice: Caller, encoding: str) -> None:
    for path, sent in (
        ("/v1/memories", '{"text": "x", "scope": "acme"}'),
        ("/v1/search", '{"query": "x", "scope": "acme"}'),
    ):
        refused = alice.client.post(path, content=sent.encode(encoding), headers=JSON)
        check_problem(refused, 400, "malformed")


def test_a_page_that_is_let_in_may_send_every_header_and_reads_refusals(tmp_path: Path) -> None:
    settings = HttpSettings(origins=("https://app.example",), body_bytes=1000)
    with Memory(tmp_path / "v") as memory, Served(memory, settings) as server:
        client = server.client()
        page = {"Origin": "https://app.example"}
        sent = "authorization, last-event-id, if-none-match, idempotency-key, x-memos-scope"
        for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
            ahead = {
                **page,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": sent,
            }
            told = client.options("/v1/memories/x", headers=ahead)
            assert told.status_code == 200
            assert told.headers["access-control-allow-headers"] == sent
        trace = {**page, "Access-Control-Request-Method": "TRACE"}
        check_problem(client.options("/v1/memories", headers=trace), 403, "cross-origin")
        other = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
        refused = client.options("/v1/memories", headers=other)
        check_problem(refused, 403, "cross-origin")
        assert "access-control-allow-origin" not in refused.headers
        for refused in (
            client.get("/v1/memories?api_key=x", headers=page),
            client.get("/v1/memories", headers={**page, "Host": "evil.example"}),
            client.get("/v1/memories", headers=page),
            client.post("/v1/memories", json={"text": "x" * 1000}, headers=page),
        ):
            assert refused.is_client_error
            assert refused.headers["access-control-allow-origin"] == "https://app.example"
            assert "X-Request-ID" in refused.headers["access-control-expose-headers"]
