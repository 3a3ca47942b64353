from memos.wire import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class KeyedEvent(_message.Message):
    __slots__ = ("event_id", "command_mac", "version")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    COMMAND_MAC_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    event_id: bytes
    command_mac: bytes
    version: int
    def __init__(self, event_id: _Optional[bytes] = ..., command_mac: _Optional[bytes] = ..., version: _Optional[int] = ...) -> None: ...

class ApiKey(_message.Message):
    __slots__ = ("key_id", "secret_digest", "actor", "name", "actions", "scopes", "created", "expires", "replaces", "replaced_by", "last_used", "origin")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    REPLACED_BY_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    secret_digest: bytes
    actor: str
    name: str
    actions: _containers.RepeatedScalarFieldContainer[str]
    scopes: _containers.RepeatedScalarFieldContainer[str]
    created: int
    expires: int
    replaces: bytes
    replaced_by: bytes
    last_used: int
    origin: str
    def __init__(self, key_id: _Optional[bytes] = ..., secret_digest: _Optional[bytes] = ..., actor: _Optional[str] = ..., name: _Optional[str] = ..., actions: _Optional[_Iterable[str]] = ..., scopes: _Optional[_Iterable[str]] = ..., created: _Optional[int] = ..., expires: _Optional[int] = ..., replaces: _Optional[bytes] = ..., replaced_by: _Optional[bytes] = ..., last_used: _Optional[int] = ..., origin: _Optional[str] = ...) -> None: ...

class CubeState(_message.Message):
    __slots__ = ("cube_id", "scope", "form", "lifecycle", "thaws_to", "version", "sequence", "header", "subject_digests", "parts", "versions_digest", "lineage_digest", "keyed", "erasing", "merged_into", "yields_to_erase", "administrators", "sensitivities", "ended_edges", "api_keys")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    FORM_FIELD_NUMBER: _ClassVar[int]
    LIFECYCLE_FIELD_NUMBER: _ClassVar[int]
    THAWS_TO_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LINEAGE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    KEYED_FIELD_NUMBER: _ClassVar[int]
    ERASING_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_FIELD_NUMBER: _ClassVar[int]
    YIELDS_TO_ERASE_FIELD_NUMBER: _ClassVar[int]
    ADMINISTRATORS_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITIES_FIELD_NUMBER: _ClassVar[int]
    ENDED_EDGES_FIELD_NUMBER: _ClassVar[int]
    API_KEYS_FIELD_NUMBER: _ClassVar[int]
    cube_id: bytes
    scope: str
    form: _event_pb2.Form
    lifecycle: int
    thaws_to: int
    version: int
    sequence: int
    header: _event_pb2.Header
    subject_digests: _containers.RepeatedScalarFieldContainer[bytes]
    parts: _containers.RepeatedScalarFieldContainer[int]
    versions_digest: bytes
    lineage_digest: bytes
    keyed: _containers.RepeatedCompositeFieldContainer[KeyedEvent]
    erasing: bytes
    merged_into: bytes
    yields_to_erase: bool
    administrators: _containers.RepeatedScalarFieldContainer[str]
    sensitivities: _containers.RepeatedScalarFieldContainer[str]
    ended_edges: _containers.RepeatedScalarFieldContainer[bytes]
    api_keys: _containers.RepeatedCompositeFieldContainer[ApiKey]
    def __init__(self, cube_id: _Optional[bytes] = ..., scope: _Optional[str] = ..., form: _Optional[_Union[_event_pb2.Form, str]] = ..., lifecycle: _Optional[int] = ..., thaws_to: _Optional[int] = ..., version: _Optional[int] = ..., sequence: _Optional[int] = ..., header: _Optional[_Union[_event_pb2.Header, _Mapping]] = ..., subject_digests: _Optional[_Iterable[bytes]] = ..., parts: _Optional[_Iterable[int]] = ..., versions_digest: _Optional[bytes] = ..., lineage_digest: _Optional[bytes] = ..., keyed: _Optional[_Iterable[_Union[KeyedEvent, _Mapping]]] = ..., erasing: _Optional[bytes] = ..., merged_into: _Optional[bytes] = ..., yields_to_erase: bool = ..., administrators: _Optional[_Iterable[str]] = ..., sensitivities: _Optional[_Iterable[str]] = ..., ended_edges: _Optional[_Iterable[bytes]] = ..., api_keys: _Optional[_Iterable[_Union[ApiKey, _Mapping]]] = ...) -> None: ...
