"""A chat model behind HTTP: any server that speaks OpenAI's `POST /chat/completions`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from memos.infrastructure.chat_models.port import ChatPrompt, TokenUsage
from memos.infrastructure.release import pip_install
from memos.kernel.errors import InvalidInput, ModelUnavailable, shorten

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletionChunk
    from openai.types.completion_usage import CompletionUsage

KEY_VARIABLE = "MEMOS_CHAT_KEY"
_NO_KEY = "none"
"""The client asks for a key; a server on this machine mostly does not."""
_LONGEST_URL = 2048
_TOLD = 200  # characters of an error's own words


class OpenAICompatible:
    """See `port.ChatModel`. What a prompt holds goes to the server that is named here, and nowhere else:
    no redirect is followed, and no proxy of the environment is used.

    The pinned block and the instructions are the `system` message, the same to the byte as long as the
    block does not change: a prefix cache of the server, such as vLLM's or a provider's, keeps it.

    Args:
        base_url: up to and without `/chat/completions`, such as `http://127.0.0.1:8000/v1`.
        model: the model's name there.
        api_key: by default what the variable MEMOS_CHAT_KEY holds; never shown or logged.
        timeout: seconds that may pass until the server answers, and between two pieces of the answer.
        options: further fields of each request, such as `{"temperature": 0}`. Where they hold
            `max_completion_tokens`, `max_tokens` is not sent.

    Raises:
        InvalidInput: an argument does not fit.
        ModelUnavailable: the extra `chat` is not installed.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._base_url, self._host = _checked(base_url)
        self.name = _model_name(model)
        key = _header_text(api_key if api_key is not None else os.environ.get(KEY_VARIABLE, ""))
        self._options = dict(options or {})
        self._key = key
        self._client = _client(base_url, key, _seconds(timeout))

    def __repr__(self) -> str:
        return f"OpenAICompatible({self._base_url!r}, {self.name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a chat model holds a key and a connection: make it anew where it is needed"
        )

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

        usage: CompletionUsage | None = None
        finish: str | None = None
        try:
            with closing(self._client.chat.completions.create(**self._asked(prompt))) as chunks:
                for chunk in chunks:
                    usage = chunk.usage or usage
                    finish = _finish(chunk) or finish
                    if piece := _piece(chunk):
                        yield piece
        except APITimeoutError:
            raise self._failed(f"it did not answer within {self._client.timeout} s") from None
        except APIConnectionError as error:
            raise self._failed("it cannot be reached, or broke off", str(error.__cause__)) from None
        except APIStatusError as error:
            raise self._failed(f"it answered {error.status_code}", error.response.text) from None
        except APIError as error:
            raise self._failed("it told of an error", error.message) from None
        except (ValueError, AttributeError, TypeError, IndexError) as error:
            raise self._failed(
                f"its answer is no chat completion ({type(error).__name__})"
            ) from None
        if finish is None:
            raise self._failed("its answer broke off before its end")
        yield _used(usage, finish)

    def _asked(self, prompt: ChatPrompt) -> dict[str, Any]:
        """The fields of a request."""
        said = [{"role": each.role, "content": each.content} for each in prompt.messages]
        length = (
            {} if "max_completion_tokens" in self._options else {"max_tokens": prompt.max_tokens}
        )
        return {
            "model": self.name,
            "messages": [{"role": "system", "content": prompt.system}, *said],
            "stream": True,
            "stream_options": {"include_usage": True},
            **length,
            "extra_body": self._options,
        }

    def _failed(self, reason: str, words: str = "") -> ModelUnavailable:
        """The error that tells of a failure, in the server's words where it has some."""
        told = f" ({self._without_key(words)[:_TOLD]})" if words else ""
        return ModelUnavailable(
            f"the chat model {self.name} at {self._host} failed: {reason}{told}; check that its server "
            f"runs, and its address, model and key ({KEY_VARIABLE}). Nothing was remembered"
        )

    def _without_key(self, text: str) -> str:
        """A server may quote the key back; it goes into no message."""
        return text.replace(self._key, "[key]") if self._key else text


def _checked(base_url: str) -> tuple[str, str]:
    """An address as it is, and its host."""
    if not isinstance(base_url, str):
        raise InvalidInput(f"base_url must be a text, not {shorten(base_url)}")
    try:
        url = urlsplit(base_url)
        host = (url.hostname or "").encode("idna")
    except ValueError:  # brackets, or a name, that no host has
        host = b""
    is_address = host and base_url.isprintable() and len(base_url) <= _LONGEST_URL
    if not is_address or url.scheme not in ("http", "https") or url.query or url.username:
        raise InvalidInput("base_url must be like https://host/v1, without user or query")
    return base_url, url.netloc


def _model_name(model: object) -> str:
    if isinstance(model, str) and model.strip():
        return model
    raise InvalidInput(f"model must be the model's name on the server, not {shorten(model)}")


def _header_text(key: object) -> str:
    """A key that a header may hold; the message never shows it."""
    if isinstance(key, str) and key.isascii() and (key.isprintable() or not key):
        return key
    raise InvalidInput("the API key is no text, or holds characters that no header may hold")


def _seconds(timeout: object) -> float:
    if isinstance(timeout, (int, float)) and timeout > 0:
        return timeout
    raise InvalidInput(f"timeout must be seconds above 0, not {shorten(timeout)}")


def _client(base_url: str, key: str, timeout: float) -> OpenAI:
    try:
        from openai import DefaultHttpxClient, OpenAI
    except ImportError as error:
        raise ModelUnavailable(
            f"the client of chat servers is not installed: {pip_install('chat')}"
        ) from error
    client = OpenAI(
        base_url=base_url,
        api_key=key or _NO_KEY,
        timeout=timeout,
        max_retries=1,
        # No connection is kept: a model need not be closed, and answers take longer than a handshake.
        default_headers={"Connection": "close"},
        http_client=DefaultHttpxClient(timeout=timeout, trust_env=False, follow_redirects=False),
    )
    # The client finds them in the environment, where they are those of another server.
    client.organization = client.project = None
    return client


def _piece(chunk: ChatCompletionChunk) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def _finish(chunk: ChatCompletionChunk) -> str | None:
    return chunk.choices[0].finish_reason if chunk.choices else None


def _used(usage: CompletionUsage | None, finish: str) -> TokenUsage:
    if usage is None:
        return TokenUsage(finish=finish)
    details = usage.prompt_tokens_details
    return TokenUsage(
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=None if details is None else details.cached_tokens,
        answer_tokens=usage.completion_tokens,
        finish=finish,
    )
