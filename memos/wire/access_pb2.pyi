from memos.wire import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccessKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_KIND_UNSPECIFIED: _ClassVar[AccessKind]
    ACCESS_KIND_ACCESSED: _ClassVar[AccessKind]
    ACCESS_KIND_DENIED: _ClassVar[AccessKind]
ACCESS_KIND_UNSPECIFIED: AccessKind
ACCESS_KIND_ACCESSED: AccessKind
ACCESS_KIND_DENIED: AccessKind

class AccessEvent(_message.Message):
    __slots__ = ("event_id", "schema_major", "schema_minor", "kind", "tenant", "scope", "actor", "action", "client_time", "policy_digest", "rule", "cubes", "query", "positions", "query_digest")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_MAJOR_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_MINOR_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIME_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    CUBES_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    QUERY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    event_id: bytes
    schema_major: int
    schema_minor: int
    kind: AccessKind
    tenant: str
    scope: str
    actor: str
    action: str
    client_time: int
    policy_digest: bytes
    rule: str
    cubes: _containers.RepeatedCompositeFieldContainer[_event_pb2.CubeVersion]
    query: _event_pb2.Sealed
    positions: _containers.RepeatedCompositeFieldContainer[_event_pb2.Position]
    query_digest: bytes
    def __init__(self, event_id: _Optional[bytes] = ..., schema_major: _Optional[int] = ..., schema_minor: _Optional[int] = ..., kind: _Optional[_Union[AccessKind, str]] = ..., tenant: _Optional[str] = ..., scope: _Optional[str] = ..., actor: _Optional[str] = ..., action: _Optional[str] = ..., client_time: _Optional[int] = ..., policy_digest: _Optional[bytes] = ..., rule: _Optional[str] = ..., cubes: _Optional[_Iterable[_Union[_event_pb2.CubeVersion, _Mapping]]] = ..., query: _Optional[_Union[_event_pb2.Sealed, _Mapping]] = ..., positions: _Optional[_Iterable[_Union[_event_pb2.Position, _Mapping]]] = ..., query_digest: _Optional[bytes] = ...) -> None: ...
