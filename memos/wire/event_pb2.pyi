from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_GENERATED: _ClassVar[Kind]
    KIND_REVISED: _ClassVar[Kind]
    KIND_HEADER_CHANGED: _ClassVar[Kind]
    KIND_TAGGED: _ClassVar[Kind]
    KIND_LINKED: _ClassVar[Kind]
    KIND_ACTIVATED: _ClassVar[Kind]
    KIND_MERGED: _ClassVar[Kind]
    KIND_ARCHIVED: _ClassVar[Kind]
    KIND_RESTORED: _ClassVar[Kind]
    KIND_FROZEN: _ClassVar[Kind]
    KIND_THAWED: _ClassVar[Kind]
    KIND_EXPIRED: _ClassVar[Kind]
    KIND_ROLLED_BACK: _ClassVar[Kind]
    KIND_ERASE_REQUESTED: _ClassVar[Kind]
    KIND_ERASE_WITHDRAWN: _ClassVar[Kind]
    KIND_ERASED: _ClassVar[Kind]
    KIND_CACHED: _ClassVar[Kind]
    KIND_EVICTED: _ClassVar[Kind]
    KIND_DISTILLED: _ClassVar[Kind]
    KIND_RETIRED: _ClassVar[Kind]
    KIND_DECIDED: _ClassVar[Kind]
    KIND_CUT_NAMED: _ClassVar[Kind]
    KIND_GRANTED: _ClassVar[Kind]
    KIND_REVOKED: _ClassVar[Kind]
    KIND_CONFIGURED: _ClassVar[Kind]
    KIND_API_KEY_ISSUED: _ClassVar[Kind]
    KIND_API_KEY_REVOKED: _ClassVar[Kind]
    KIND_API_KEY_USED: _ClassVar[Kind]

class Form(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FORM_UNSPECIFIED: _ClassVar[Form]
    FORM_PLAINTEXT: _ClassVar[Form]
    FORM_ACTIVATION: _ClassVar[Form]
    FORM_PARAMETRIC: _ClassVar[Form]
    FORM_OPERATION: _ClassVar[Form]
    FORM_TENANT: _ClassVar[Form]

class Relation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RELATION_UNSPECIFIED: _ClassVar[Relation]
    RELATION_DERIVED_FROM: _ClassVar[Relation]
    RELATION_MERGED_INTO: _ClassVar[Relation]
    RELATION_DISTILLED_INTO: _ClassVar[Relation]
    RELATION_CACHED_AS: _ClassVar[Relation]
    RELATION_QUOTED_FROM: _ClassVar[Relation]
    RELATION_SUPERSEDES: _ClassVar[Relation]
    RELATION_SAME_TEXT_AS: _ClassVar[Relation]
    RELATION_LINKED: _ClassVar[Relation]
KIND_UNSPECIFIED: Kind
KIND_GENERATED: Kind
KIND_REVISED: Kind
KIND_HEADER_CHANGED: Kind
KIND_TAGGED: Kind
KIND_LINKED: Kind
KIND_ACTIVATED: Kind
KIND_MERGED: Kind
KIND_ARCHIVED: Kind
KIND_RESTORED: Kind
KIND_FROZEN: Kind
KIND_THAWED: Kind
KIND_EXPIRED: Kind
KIND_ROLLED_BACK: Kind
KIND_ERASE_REQUESTED: Kind
KIND_ERASE_WITHDRAWN: Kind
KIND_ERASED: Kind
KIND_CACHED: Kind
KIND_EVICTED: Kind
KIND_DISTILLED: Kind
KIND_RETIRED: Kind
KIND_DECIDED: Kind
KIND_CUT_NAMED: Kind
KIND_GRANTED: Kind
KIND_REVOKED: Kind
KIND_CONFIGURED: Kind
KIND_API_KEY_ISSUED: Kind
KIND_API_KEY_REVOKED: Kind
KIND_API_KEY_USED: Kind
FORM_UNSPECIFIED: Form
FORM_PLAINTEXT: Form
FORM_ACTIVATION: Form
FORM_PARAMETRIC: Form
FORM_OPERATION: Form
FORM_TENANT: Form
RELATION_UNSPECIFIED: Relation
RELATION_DERIVED_FROM: Relation
RELATION_MERGED_INTO: Relation
RELATION_DISTILLED_INTO: Relation
RELATION_CACHED_AS: Relation
RELATION_QUOTED_FROM: Relation
RELATION_SUPERSEDES: Relation
RELATION_SAME_TEXT_AS: Relation
RELATION_LINKED: Relation

class CubeVersion(_message.Message):
    __slots__ = ("cube_id", "version", "digest")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    cube_id: bytes
    version: int
    digest: bytes
    def __init__(self, cube_id: _Optional[bytes] = ..., version: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("cube_id", "scope", "expected_version", "bound")
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    cube_id: bytes
    scope: str
    expected_version: int
    bound: bool
    def __init__(self, cube_id: _Optional[bytes] = ..., scope: _Optional[str] = ..., expected_version: _Optional[int] = ..., bound: bool = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("relation", "other", "binding")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    relation: Relation
    other: CubeVersion
    binding: bool
    def __init__(self, relation: _Optional[_Union[Relation, str]] = ..., other: _Optional[_Union[CubeVersion, _Mapping]] = ..., binding: bool = ...) -> None: ...

class Sealed(_message.Message):
    __slots__ = ("suite", "box")
    SUITE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    suite: int
    box: bytes
    def __init__(self, suite: _Optional[int] = ..., box: _Optional[bytes] = ...) -> None: ...

class Lifespan(_message.Message):
    __slots__ = ("after_days", "after", "renewed_by_access", "half_life", "then", "since")
    class End(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        END_UNSPECIFIED: _ClassVar[Lifespan.End]
        END_ARCHIVE: _ClassVar[Lifespan.End]
        END_EXPIRE: _ClassVar[Lifespan.End]
        END_ERASE: _ClassVar[Lifespan.End]
    END_UNSPECIFIED: Lifespan.End
    END_ARCHIVE: Lifespan.End
    END_EXPIRE: Lifespan.End
    END_ERASE: Lifespan.End
    AFTER_DAYS_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    RENEWED_BY_ACCESS_FIELD_NUMBER: _ClassVar[int]
    HALF_LIFE_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    after_days: int
    after: int
    renewed_by_access: bool
    half_life: int
    then: Lifespan.End
    since: int
    def __init__(self, after_days: _Optional[int] = ..., after: _Optional[int] = ..., renewed_by_access: bool = ..., half_life: _Optional[int] = ..., then: _Optional[_Union[Lifespan.End, str]] = ..., since: _Optional[int] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("owner", "readers", "writers", "lifespan", "priority", "sensitivity", "purpose")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    READERS_FIELD_NUMBER: _ClassVar[int]
    WRITERS_FIELD_NUMBER: _ClassVar[int]
    LIFESPAN_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SENSITIVITY_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    owner: str
    readers: _containers.RepeatedScalarFieldContainer[str]
    writers: _containers.RepeatedScalarFieldContainer[str]
    lifespan: Lifespan
    priority: int
    sensitivity: str
    purpose: str
    def __init__(self, owner: _Optional[str] = ..., readers: _Optional[_Iterable[str]] = ..., writers: _Optional[_Iterable[str]] = ..., lifespan: _Optional[_Union[Lifespan, _Mapping]] = ..., priority: _Optional[int] = ..., sensitivity: _Optional[str] = ..., purpose: _Optional[str] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("partition", "offset")
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    partition: int
    offset: int
    def __init__(self, partition: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class Generated(_message.Message):
    __slots__ = ("form", "header", "absorbs")
    FORM_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ABSORBS_FIELD_NUMBER: _ClassVar[int]
    form: Form
    header: Header
    absorbs: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, form: _Optional[_Union[Form, str]] = ..., header: _Optional[_Union[Header, _Mapping]] = ..., absorbs: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class Revised(_message.Message):
    __slots__ = ("mode",)
    class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        MODE_UNSPECIFIED: _ClassVar[Revised.Mode]
        MODE_OVERWRITE: _ClassVar[Revised.Mode]
        MODE_APPEND: _ClassVar[Revised.Mode]
        MODE_MERGE: _ClassVar[Revised.Mode]
    MODE_UNSPECIFIED: Revised.Mode
    MODE_OVERWRITE: Revised.Mode
    MODE_APPEND: Revised.Mode
    MODE_MERGE: Revised.Mode
    MODE_FIELD_NUMBER: _ClassVar[int]
    mode: Revised.Mode
    def __init__(self, mode: _Optional[_Union[Revised.Mode, str]] = ...) -> None: ...

class HeaderChanged(_message.Message):
    __slots__ = ("header", "fields")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    header: Header
    fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, header: _Optional[_Union[Header, _Mapping]] = ..., fields: _Optional[_Iterable[str]] = ...) -> None: ...

class Tagged(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Linked(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Activated(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Merged(_message.Message):
    __slots__ = ("into_cube_id",)
    INTO_CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    into_cube_id: bytes
    def __init__(self, into_cube_id: _Optional[bytes] = ...) -> None: ...

class Archived(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Restored(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Frozen(_message.Message):
    __slots__ = ("yields_to_erase",)
    YIELDS_TO_ERASE_FIELD_NUMBER: _ClassVar[int]
    yields_to_erase: bool
    def __init__(self, yields_to_erase: bool = ...) -> None: ...

class Thawed(_message.Message):
    __slots__ = ("freeze_only",)
    FREEZE_ONLY_FIELD_NUMBER: _ClassVar[int]
    freeze_only: bool
    def __init__(self, freeze_only: bool = ...) -> None: ...

class Expired(_message.Message):
    __slots__ = ("deadline", "then", "access_position", "expected_sequence")
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    ACCESS_POSITION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    deadline: int
    then: Lifespan.End
    access_position: Position
    expected_sequence: int
    def __init__(self, deadline: _Optional[int] = ..., then: _Optional[_Union[Lifespan.End, str]] = ..., access_position: _Optional[_Union[Position, _Mapping]] = ..., expected_sequence: _Optional[int] = ...) -> None: ...

class Restoration(_message.Message):
    __slots__ = ("content", "tags", "provenance", "metadata", "valid_time", "header")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    VALID_TIME_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    content: int
    tags: int
    provenance: int
    metadata: int
    valid_time: int
    header: Header
    def __init__(self, content: _Optional[int] = ..., tags: _Optional[int] = ..., provenance: _Optional[int] = ..., metadata: _Optional[int] = ..., valid_time: _Optional[int] = ..., header: _Optional[_Union[Header, _Mapping]] = ...) -> None: ...

class EndedEdge(_message.Message):
    __slots__ = ("relation", "other", "version")
    RELATION_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    relation: Relation
    other: CubeVersion
    version: int
    def __init__(self, relation: _Optional[_Union[Relation, str]] = ..., other: _Optional[_Union[CubeVersion, _Mapping]] = ..., version: _Optional[int] = ...) -> None: ...

class RollbackTarget(_message.Message):
    __slots__ = ("cube_id", "action", "to_version", "restoration", "expected_sequence", "reactivate", "scope", "into_cube_id", "ended_edges", "ended_subject_digests")
    class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ACTION_UNSPECIFIED: _ClassVar[RollbackTarget.Action]
        ACTION_RESTORE: _ClassVar[RollbackTarget.Action]
        ACTION_ARCHIVE: _ClassVar[RollbackTarget.Action]
        ACTION_UNMERGE: _ClassVar[RollbackTarget.Action]
        ACTION_ABSORB: _ClassVar[RollbackTarget.Action]
    ACTION_UNSPECIFIED: RollbackTarget.Action
    ACTION_RESTORE: RollbackTarget.Action
    ACTION_ARCHIVE: RollbackTarget.Action
    ACTION_UNMERGE: RollbackTarget.Action
    ACTION_ABSORB: RollbackTarget.Action
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    RESTORATION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    REACTIVATE_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    INTO_CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    ENDED_EDGES_FIELD_NUMBER: _ClassVar[int]
    ENDED_SUBJECT_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    cube_id: bytes
    action: RollbackTarget.Action
    to_version: int
    restoration: Restoration
    expected_sequence: int
    reactivate: bool
    scope: str
    into_cube_id: bytes
    ended_edges: _containers.RepeatedCompositeFieldContainer[EndedEdge]
    ended_subject_digests: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, cube_id: _Optional[bytes] = ..., action: _Optional[_Union[RollbackTarget.Action, str]] = ..., to_version: _Optional[int] = ..., restoration: _Optional[_Union[Restoration, _Mapping]] = ..., expected_sequence: _Optional[int] = ..., reactivate: bool = ..., scope: _Optional[str] = ..., into_cube_id: _Optional[bytes] = ..., ended_edges: _Optional[_Iterable[_Union[EndedEdge, _Mapping]]] = ..., ended_subject_digests: _Optional[_Iterable[bytes]] = ...) -> None: ...

class RolledBack(_message.Message):
    __slots__ = ("targets",)
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[RollbackTarget]
    def __init__(self, targets: _Optional[_Iterable[_Union[RollbackTarget, _Mapping]]] = ...) -> None: ...

class EraseRequested(_message.Message):
    __slots__ = ("targets", "subject_digests", "ends_freezes", "scope", "positions")
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    ENDS_FREEZES_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    subject_digests: _containers.RepeatedScalarFieldContainer[bytes]
    ends_freezes: bool
    scope: str
    positions: _containers.RepeatedCompositeFieldContainer[Position]
    def __init__(self, targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., subject_digests: _Optional[_Iterable[bytes]] = ..., ends_freezes: bool = ..., scope: _Optional[str] = ..., positions: _Optional[_Iterable[_Union[Position, _Mapping]]] = ...) -> None: ...

class EraseWithdrawn(_message.Message):
    __slots__ = ("targets",)
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class Erased(_message.Message):
    __slots__ = ("targets",)
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    def __init__(self, targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ...) -> None: ...

class Cached(_message.Message):
    __slots__ = ("manifest_digest", "model_id")
    MANIFEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    manifest_digest: bytes
    model_id: str
    def __init__(self, manifest_digest: _Optional[bytes] = ..., model_id: _Optional[str] = ...) -> None: ...

class Evicted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Distilled(_message.Message):
    __slots__ = ("manifest_digest", "model_id")
    MANIFEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MODEL_ID_FIELD_NUMBER: _ClassVar[int]
    manifest_digest: bytes
    model_id: str
    def __init__(self, manifest_digest: _Optional[bytes] = ..., model_id: _Optional[str] = ...) -> None: ...

class Retired(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Decided(_message.Message):
    __slots__ = ("policy", "choice")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    CHOICE_FIELD_NUMBER: _ClassVar[int]
    policy: str
    choice: str
    def __init__(self, policy: _Optional[str] = ..., choice: _Optional[str] = ...) -> None: ...

class CutNamed(_message.Message):
    __slots__ = ("name", "positions")
    NAME_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    name: str
    positions: _containers.RepeatedCompositeFieldContainer[Position]
    def __init__(self, name: _Optional[str] = ..., positions: _Optional[_Iterable[_Union[Position, _Mapping]]] = ...) -> None: ...

class Granted(_message.Message):
    __slots__ = ("role", "actor")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    role: str
    actor: str
    def __init__(self, role: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class Revoked(_message.Message):
    __slots__ = ("role", "actor")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    role: str
    actor: str
    def __init__(self, role: _Optional[str] = ..., actor: _Optional[str] = ...) -> None: ...

class Configured(_message.Message):
    __slots__ = ("sensitivities",)
    SENSITIVITIES_FIELD_NUMBER: _ClassVar[int]
    sensitivities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sensitivities: _Optional[_Iterable[str]] = ...) -> None: ...

class ApiKeyIssued(_message.Message):
    __slots__ = ("secret_digest", "actor", "name", "actions", "scopes", "expires", "replaces", "replaced_expires", "origin")
    SECRET_DIGEST_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    REPLACED_EXPIRES_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    secret_digest: bytes
    actor: str
    name: str
    actions: _containers.RepeatedScalarFieldContainer[str]
    scopes: _containers.RepeatedScalarFieldContainer[str]
    expires: int
    replaces: bytes
    replaced_expires: int
    origin: str
    def __init__(self, secret_digest: _Optional[bytes] = ..., actor: _Optional[str] = ..., name: _Optional[str] = ..., actions: _Optional[_Iterable[str]] = ..., scopes: _Optional[_Iterable[str]] = ..., expires: _Optional[int] = ..., replaces: _Optional[bytes] = ..., replaced_expires: _Optional[int] = ..., origin: _Optional[str] = ...) -> None: ...

class ApiKeyRevoked(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    def __init__(self, key_id: _Optional[bytes] = ...) -> None: ...

class ApiKeyUsed(_message.Message):
    __slots__ = ("key_id",)
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: bytes
    def __init__(self, key_id: _Optional[bytes] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("event_id", "schema_major", "schema_minor", "kind", "tenant", "scope", "actor", "cube_id", "expected_version", "cause_id", "operation_id", "client_time", "policy_digest", "service", "subject_digests", "source_digests", "idempotency_digest", "command_mac", "body", "parts", "edges", "composed_from", "generated", "revised", "header_changed", "tagged", "linked", "activated", "merged", "archived", "restored", "frozen", "thawed", "expired", "rolled_back", "erase_requested", "erase_withdrawn", "erased", "cached", "evicted", "distilled", "retired", "decided", "cut_named", "granted", "revoked", "configured", "api_key_issued", "api_key_revoked", "api_key_used")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_MAJOR_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_MINOR_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CUBE_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    CAUSE_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_TIME_FIELD_NUMBER: _ClassVar[int]
    POLICY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    COMMAND_MAC_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    COMPOSED_FROM_FIELD_NUMBER: _ClassVar[int]
    GENERATED_FIELD_NUMBER: _ClassVar[int]
    REVISED_FIELD_NUMBER: _ClassVar[int]
    HEADER_CHANGED_FIELD_NUMBER: _ClassVar[int]
    TAGGED_FIELD_NUMBER: _ClassVar[int]
    LINKED_FIELD_NUMBER: _ClassVar[int]
    ACTIVATED_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    ARCHIVED_FIELD_NUMBER: _ClassVar[int]
    RESTORED_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    THAWED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_FIELD_NUMBER: _ClassVar[int]
    ERASE_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    ERASE_WITHDRAWN_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    EVICTED_FIELD_NUMBER: _ClassVar[int]
    DISTILLED_FIELD_NUMBER: _ClassVar[int]
    RETIRED_FIELD_NUMBER: _ClassVar[int]
    DECIDED_FIELD_NUMBER: _ClassVar[int]
    CUT_NAMED_FIELD_NUMBER: _ClassVar[int]
    GRANTED_FIELD_NUMBER: _ClassVar[int]
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_FIELD_NUMBER: _ClassVar[int]
    API_KEY_ISSUED_FIELD_NUMBER: _ClassVar[int]
    API_KEY_REVOKED_FIELD_NUMBER: _ClassVar[int]
    API_KEY_USED_FIELD_NUMBER: _ClassVar[int]
    event_id: bytes
    schema_major: int
    schema_minor: int
    kind: Kind
    tenant: str
    scope: str
    actor: str
    cube_id: bytes
    expected_version: int
    cause_id: bytes
    operation_id: bytes
    client_time: int
    policy_digest: bytes
    service: str
    subject_digests: _containers.RepeatedScalarFieldContainer[bytes]
    source_digests: _containers.RepeatedScalarFieldContainer[bytes]
    idempotency_digest: bytes
    command_mac: bytes
    body: Sealed
    parts: int
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    composed_from: int
    generated: Generated
    revised: Revised
    header_changed: HeaderChanged
    tagged: Tagged
    linked: Linked
    activated: Activated
    merged: Merged
    archived: Archived
    restored: Restored
    frozen: Frozen
    thawed: Thawed
    expired: Expired
    rolled_back: RolledBack
    erase_requested: EraseRequested
    erase_withdrawn: EraseWithdrawn
    erased: Erased
    cached: Cached
    evicted: Evicted
    distilled: Distilled
    retired: Retired
    decided: Decided
    cut_named: CutNamed
    granted: Granted
    revoked: Revoked
    configured: Configured
    api_key_issued: ApiKeyIssued
    api_key_revoked: ApiKeyRevoked
    api_key_used: ApiKeyUsed
    def __init__(self, event_id: _Optional[bytes] = ..., schema_major: _Optional[int] = ..., schema_minor: _Optional[int] = ..., kind: _Optional[_Union[Kind, str]] = ..., tenant: _Optional[str] = ..., scope: _Optional[str] = ..., actor: _Optional[str] = ..., cube_id: _Optional[bytes] = ..., expected_version: _Optional[int] = ..., cause_id: _Optional[bytes] = ..., operation_id: _Optional[bytes] = ..., client_time: _Optional[int] = ..., policy_digest: _Optional[bytes] = ..., service: _Optional[str] = ..., subject_digests: _Optional[_Iterable[bytes]] = ..., source_digests: _Optional[_Iterable[bytes]] = ..., idempotency_digest: _Optional[bytes] = ..., command_mac: _Optional[bytes] = ..., body: _Optional[_Union[Sealed, _Mapping]] = ..., parts: _Optional[int] = ..., edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ..., composed_from: _Optional[int] = ..., generated: _Optional[_Union[Generated, _Mapping]] = ..., revised: _Optional[_Union[Revised, _Mapping]] = ..., header_changed: _Optional[_Union[HeaderChanged, _Mapping]] = ..., tagged: _Optional[_Union[Tagged, _Mapping]] = ..., linked: _Optional[_Union[Linked, _Mapping]] = ..., activated: _Optional[_Union[Activated, _Mapping]] = ..., merged: _Optional[_Union[Merged, _Mapping]] = ..., archived: _Optional[_Union[Archived, _Mapping]] = ..., restored: _Optional[_Union[Restored, _Mapping]] = ..., frozen: _Optional[_Union[Frozen, _Mapping]] = ..., thawed: _Optional[_Union[Thawed, _Mapping]] = ..., expired: _Optional[_Union[Expired, _Mapping]] = ..., rolled_back: _Optional[_Union[RolledBack, _Mapping]] = ..., erase_requested: _Optional[_Union[EraseRequested, _Mapping]] = ..., erase_withdrawn: _Optional[_Union[EraseWithdrawn, _Mapping]] = ..., erased: _Optional[_Union[Erased, _Mapping]] = ..., cached: _Optional[_Union[Cached, _Mapping]] = ..., evicted: _Optional[_Union[Evicted, _Mapping]] = ..., distilled: _Optional[_Union[Distilled, _Mapping]] = ..., retired: _Optional[_Union[Retired, _Mapping]] = ..., decided: _Optional[_Union[Decided, _Mapping]] = ..., cut_named: _Optional[_Union[CutNamed, _Mapping]] = ..., granted: _Optional[_Union[Granted, _Mapping]] = ..., revoked: _Optional[_Union[Revoked, _Mapping]] = ..., configured: _Optional[_Union[Configured, _Mapping]] = ..., api_key_issued: _Optional[_Union[ApiKeyIssued, _Mapping]] = ..., api_key_revoked: _Optional[_Union[ApiKeyRevoked, _Mapping]] = ..., api_key_used: _Optional[_Union[ApiKeyUsed, _Mapping]] = ...) -> None: ...
