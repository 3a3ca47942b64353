from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Content(_message.Message):
    __slots__ = ("media_type", "inline", "reference")
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    media_type: str
    inline: bytes
    reference: Reference
    def __init__(self, media_type: _Optional[str] = ..., inline: _Optional[bytes] = ..., reference: _Optional[_Union[Reference, _Mapping]] = ...) -> None: ...

class Reference(_message.Message):
    __slots__ = ("sha256", "size", "uri")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    sha256: bytes
    size: int
    uri: str
    def __init__(self, sha256: _Optional[bytes] = ..., size: _Optional[int] = ..., uri: _Optional[str] = ...) -> None: ...

class Tags(_message.Message):
    __slots__ = ("tags",)
    TAGS_FIELD_NUMBER: _ClassVar[int]
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tags: _Optional[_Iterable[str]] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("source", "origin", "semantic_type", "turn")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    SEMANTIC_TYPE_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    source: str
    origin: str
    semantic_type: str
    turn: Turn
    def __init__(self, source: _Optional[str] = ..., origin: _Optional[str] = ..., semantic_type: _Optional[str] = ..., turn: _Optional[_Union[Turn, _Mapping]] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ("conversation", "session", "number", "speaker", "role", "at", "id", "caption")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CAPTION_FIELD_NUMBER: _ClassVar[int]
    conversation: str
    session: str
    number: int
    speaker: str
    role: str
    at: int
    id: str
    caption: str
    def __init__(self, conversation: _Optional[str] = ..., session: _Optional[str] = ..., number: _Optional[int] = ..., speaker: _Optional[str] = ..., role: _Optional[str] = ..., at: _Optional[int] = ..., id: _Optional[str] = ..., caption: _Optional[str] = ...) -> None: ...

class Metadata(_message.Message):
    __slots__ = ("json",)
    JSON_FIELD_NUMBER: _ClassVar[int]
    json: bytes
    def __init__(self, json: _Optional[bytes] = ...) -> None: ...

class ValidTime(_message.Message):
    __slots__ = ("until",)
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    until: int
    def __init__(self, until: _Optional[int] = ..., **kwargs) -> None: ...

class Body(_message.Message):
    __slots__ = ("content", "tags", "provenance", "metadata", "valid_time", "reason", "subject")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    VALID_TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    content: Content
    tags: Tags
    provenance: Provenance
    metadata: Metadata
    valid_time: ValidTime
    reason: str
    subject: str
    def __init__(self, content: _Optional[_Union[Content, _Mapping]] = ..., tags: _Optional[_Union[Tags, _Mapping]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ..., metadata: _Optional[_Union[Metadata, _Mapping]] = ..., valid_time: _Optional[_Union[ValidTime, _Mapping]] = ..., reason: _Optional[str] = ..., subject: _Optional[str] = ...) -> None: ...
