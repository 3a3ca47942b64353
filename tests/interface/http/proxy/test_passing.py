"""What passes the proxy, and what does not: requests and answers without memories."""

from __future__ import annotations

import json
import logging
import threading
import time
from pathlib import Path

import httpx
import openai
import pytest

from memos import Memory
from memos.interface.http import settings
from memos.kernel.errors import InvalidInput
from tests.interface.http.proxy.conftest import SERVER_KEY, Proxied
from tests.interface.http.proxy.upstream import BEFORE_ALL, DONE, STREAMED, chunk, completion
from tests.interface.http.served import Served, check_problem, logged
from tests.waiting import wait_until

ASKED = (
    b'{"model":"m",  "messages": [{"role":"user","content":"Hi \\ud83d\\ude00"}], "x": 1.10, "x":2}'
)


def test_a_request_goes_on_to_the_byte_and_its_answer_comes_back_so(proxied: Proxied) -> None:
    answer = proxied.post(ASKED)
    assert answer.status_code == 200
    assert proxied.upstream.bodies == [ASKED]
    assert answer.content == proxied.upstream.answer.parts[0]
    assert answer.headers["content-length"] == str(len(answer.content))
    assert proxied.upstream.targets == ["POST /v1/chat/completions"]
    assert not [name for name in answer.headers if name.startswith("x-memos")]


def test_chunks_of_a_stream_pass_to_the_byte_each_as_it_comes(proxied: Proxied) -> None:
    torn = (b": beat\r\n\r\n", *STREAMED[:1], STREAMED[1][:20], STREAMED[1][20:], *STREAMED[2:])
    proxied.upstream.streams(*torn, waits_before=2)
    with proxied.caller.client.stream(
        "POST", "/openai/v1/chat/completions", json={"messages": [], "stream": True}
    ) as answer:
        parts = answer.iter_raw()
        came = b""
        while len(came) < len(torn[0] + torn[1]):
            came += next(parts)
        assert came == torn[0] + torn[1]
        proxied.upstream.answer.go_on.set()
        assert came + b"".join(parts) == b"".join(torn)
        assert answer.headers["content-type"] == "text/event-stream"


def test_the_client_of_openai_completes_streams_and_lists_models(proxied: Proxied) -> None:
    client = proxied.client()
    proxied.upstream.says(completion("Tea.", annotations=[{"type": "x"}]))
    messages = [{"role": "user", "content": "Hi"}]
    answer = proxied.complete(client, messages, n=2)
    assert answer.choices[0].message.content == "Tea."
    assert answer.usage.total_tokens == 43
    assert answer.x_unknown == {"kept": [None, 100.0]}
    assert proxied.upstream.asked[-1]["n"] == 2
    proxied.upstream.streams(chunk("a"), chunk("b", index=1), chunk(finish="stop"), DONE)
    chunks = proxied.complete(client, messages, stream=True)
    assert [each.choices[0].delta.content for each in chunks] == ["a", "b", None]
    listed = {"object": "list", "data": [{"id": "m", "object": "model", "x": 1}]}
    proxied.upstream.says(json.dumps(listed).encode())
    assert [model.id for model in client.models.list()] == ["m"]
    assert proxied.upstream.targets[-1] == "GET /v1/models"


@pytest.mark.parametrize("status", [400, 404, 418, 429, 500, 529])
def test_an_error_of_the_server_behind_passes_as_it_is(proxied: Proxied, status: int) -> None:
    told = b'{"error": {"message": "no", "type": "t", "code": null}, "more":  1}'
    headers = [(b"retry-after", b"7"), (b"x-request-id", b"req_1"), (b"ratelimit", b"theirs")]
    proxied.upstream.says(told, status, headers)
    answer = proxied.post()
    assert (answer.status_code, answer.content) == (status, told)
    assert answer.headers["retry-after"] == "7"
    assert answer.headers.get_list("x-request-id") == ["req_1"]
    assert answer.headers["x-memos-request-id"]
    assert [each.startswith('"key"') for each in answer.headers.get_list("ratelimit")] == [True]
    with pytest.raises(openai.APIStatusError, match="no"):
        proxied.complete(proxied.client(), [])


def test_the_key_of_the_server_behind_is_quoted_back_to_nobody(
    proxied: Proxied, caplog: pytest.LogCaptureFixture
) -> None:
    told = f'{{"error": "bad key {SERVER_KEY}!"}}'
    proxied.upstream.says(told.encode(), 401, [(b"x-key", SERVER_KEY.encode())])
    with caplog.at_level(logging.DEBUG):
        answer = proxied.post()
        lines = [str(vars(each)) for each in logged(caplog)]
    assert answer.json() == {"error": "bad key [key]!"}
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "x-key" not in answer.headers
    for line in lines:
        assert SERVER_KEY not in line
        assert proxied.caller.key not in line
        assert "She likes tea" not in line


def test_the_server_is_asked_with_its_own_key_and_never_with_a_key_of_the_vault(
    proxied: Proxied,
) -> None:
    proxied.post(
        X_Api_Key=proxied.caller.key,
        OpenAI_Organization="org",
        Cookie="a=b",
        Connection="close, X-Secret",
        X_Secret="1",
        X_Forwarded_For="1.2.3.4",
        TE="trailers",
        Proxy_Authorization="Basic x",
        X_Kept="yes",
        Accept_Encoding="gzip",
    )
    (head,) = proxied.upstream.heads
    assert head["authorization"] == f"Bearer {SERVER_KEY}"
    assert head["x-kept"] == "yes"
    assert head["accept-encoding"] == "identity"
    assert proxied.caller.key not in str(head)
    gone = {
        "cookie", "x-secret", "te", "proxy-authorization", "openai-organization", "x-forwarded-for",
        "x-api-key",
    }  # fmt: skip
    assert gone.isdisjoint(head)
    proxied.post(X_Memos_Upstream_Key="sk-mine", OpenAI_Organization="org")
    head = proxied.upstream.heads[-1]
    assert (head["authorization"], head["openai-organization"]) == ("Bearer sk-mine", "org")
    assert not [name for name in head if name.startswith("x-memos")]


def test_no_cookie_is_set_or_kept_and_no_redirect_followed(proxied: Proxied) -> None:
    proxied.upstream.answer.headers = [
        (b"set-cookie", b"a=b; Path=/"),
        (b"access-control-allow-origin", b"*"),
        (b"x-memos-used", b"forged"),
        (b"x-kept", b"yes"),
    ]
    answer = proxied.post()
    assert answer.headers["x-kept"] == "yes"
    assert {"set-cookie", "access-control-allow-origin", "x-memos-used"}.isdisjoint(answer.headers)
    proxied.post()
    assert "cookie" not in proxied.upstream.heads[-1]
    proxied.upstream.answer.status = 307
    proxied.upstream.answer.headers = [(b"location", b"http://127.0.0.1:1/v1/chat/completions")]
    check_problem(proxied.post(), 502, "upstream-unreachable")
    assert len(proxied.upstream.heads) == 3


def test_who_has_no_key_reaches_nobody(proxied: Proxied) -> None:
    refused = proxied.served.client().post("/openai/v1/chat/completions", json={"messages": []})
    check_problem(refused, 401, "unauthenticated")
    check_problem(proxied.served.client().get("/openai/v1/models"), 401, "unauthenticated")
    assert proxied.upstream.bodies == []


def test_a_query_goes_on_and_a_key_in_it_is_refused(proxied: Proxied) -> None:
    client = proxied.caller.client
    assert client.get("/openai/v1/models?api-version=1%202").status_code == 200
    assert proxied.upstream.targets == ["GET /v1/models?api-version=1%202"]
    check_problem(client.get("/openai/v1/models?api_key=x"), 400, "key-in-address")


def test_a_caller_who_hangs_up_ends_the_request_behind(proxied: Proxied) -> None:
    for before in (BEFORE_ALL, 1):  # while nothing has come yet, and within the answer
        proxied.upstream.streams(waits_before=before)
        gone = proxied.upstream.callers_gone
        connection = proxied.served.connect()
        body = b'{"messages": []}'
        connection.sendall(
            f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {proxied.caller.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        wait_until(lambda: proxied.upstream.open == 1, "the request comes")
        if before == 1:
            assert connection.recv(10)
        connection.close()
        wait_until(lambda n=gone: proxied.upstream.callers_gone == n + 1, "it ends")  # type: ignore[misc]
        wait_until(lambda: proxied.upstream.open == 0, "it ends")


@pytest.mark.parametrize("before", [BEFORE_ALL, 2])
def test_a_revoked_key_ends_what_it_waits_for_within_a_second(
    proxied: Proxied, before: int
) -> None:
    proxied.upstream.streams(waits_before=before)
    revoked = [0.0]

    def revoke() -> None:
        revoked[0] = time.monotonic()
        proxied.memory.revoke_api_key(proxied.caller.key_id, tenant="acme")

    if before == BEFORE_ALL:
        waiting = threading.Timer(0.3, revoke)
        waiting.start()
        check_problem(proxied.post(), 401, "unauthenticated")
        waiting.join()
    else:

        def read_to_its_end() -> None:
            with proxied.caller.client.stream(
                "POST", "/openai/v1/chat/completions", json={"messages": []}
            ) as answer:
                parts = answer.iter_raw()
                next(parts)
                revoke()
                for _ in parts:
                    pass

        with pytest.raises(httpx.TransportError):
            read_to_its_end()
    assert time.monotonic() - revoked[0] < 1.0
    wait_until(lambda: proxied.upstream.open == 0, "the server behind ends it")


def test_an_answer_that_breaks_off_has_no_end_here_either(proxied: Proxied) -> None:
    proxied.upstream.streams(*STREAMED[:2], breaks_off=True)
    with pytest.raises(httpx.TransportError):
        proxied.post()


def test_an_error_that_says_it_is_compressed_and_is_not_is_a_problem(proxied: Proxied) -> None:
    proxied.upstream.says(b"plain", 500, [(b"content-encoding", b"gzip")])
    check_problem(proxied.post(), 502, "upstream-unreachable")


def test_a_server_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    chosen = settings.HttpSettings(
        anonymous=True, upstream=settings.Upstream("http://127.0.0.1:1/v1")
    )
    with Memory(tmp_path / "v") as memory, Served(memory, chosen) as server:
        check_problem(server.client().get("/openai/v1/models"), 502, "upstream-unreachable")


def test_without_a_server_behind_there_is_no_proxy(served: Served) -> None:
    client = served.caller().client
    check_problem(client.get("/openai/v1/models"), 501, "no-upstream")
    refused = client.post("/openai/v1/chat/completions", json={})
    check_problem(refused, 501, "no-upstream")


def test_a_key_has_so_many_completions_open_and_no_more(proxied: Proxied, tmp_path: Path) -> None:
    chosen = settings.HttpSettings(
        upstream=settings.Upstream(proxied.upstream.url), completions_per_key=1
    )
    proxied.upstream.streams(waits_before=1)
    with Memory(tmp_path / "v", actor="user:root") as memory, Served(memory, chosen) as server:
        client = server.caller().client
        path, body = "/openai/v1/chat/completions", {"model": "m"}
        with client.stream("POST", path, json=body) as first:
            assert first.status_code == 200
            check_problem(client.post(path, json=body), 429, "too-many-streams")
            proxied.upstream.answer.go_on.set()
        wait_until(lambda: client.post(path, json=body).status_code == 200, "the place is free")
    assert "authorization" not in proxied.upstream.heads[-1]


@pytest.mark.parametrize(
    "address",
    [
        "ftp://h/v1",
        "h/v1",
        "http:///v1",
        "http://u:p@h/v1",
        "http://h/v1?key=1",
        "http://h:x/v1",
        "",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="--upstream"):
        settings.Upstream(address)


def test_a_key_that_no_header_may_hold_is_refused_and_none_is_shown() -> None:
    with pytest.raises(InvalidInput) as refused:
        settings.Upstream("http://h/v1", "sk-\r\nX: y")
    assert "sk-" not in str(refused.value)
    assert "sk-secret" not in repr(settings.Upstream("http://h/v1", "sk-secret"))
