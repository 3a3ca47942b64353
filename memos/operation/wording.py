"""What an operation does, as an error says it: "may not freeze", "to change the header of"."""

from __future__ import annotations

from collections.abc import Mapping

from memos.kernel.event import Kind

DOINGS: Mapping[str, tuple[str, str]] = {
    "accesses": ("see the accesses", "of"),
    "activate": ("activate the memories", "of"),
    "activations": ("list the activations", "of"),
    "adapter": ("see the adapter", ""),
    "adapters": ("list the adapters", "of"),
    "add": ("add a memory", "in"),
    "add_conversation": ("add a conversation", "in"),
    "administrators": ("see the administrators", "of"),
    "api_keys": ("list the API keys", "of"),
    "as_api_key": ("use an API key", "of"),
    "audit": ("audit", ""),
    "backpatch": ("write back what an adapter holds", "of"),
    "backup": ("back up", ""),
    "cached_as": ("cache", ""),
    "checkpoint": ("sign a checkpoint", "of"),
    "context": ("take a context", "from"),
    "count": ("count the memories", "of"),
    "create_api_key": ("issue an API key", "of"),
    "cuts": ("list the cuts", "of"),
    "denials": ("see the denials", "of"),
    "derived_from": ("derive", "from"),
    "digest": ("see the digest", "of"),
    "distil": ("distil memories", "in"),
    "distilled_into": ("distil", ""),
    "embed_pending": ("embed the memories", "of"),
    "embedding_lag": ("see what waits to be embedded", "in"),
    "erase": ("erase", ""),
    "events": ("list the events", "of"),
    "find_id": ("find an id", "of"),
    "evict": ("evict", ""),
    "export": ("export", ""),
    "extract_facts": ("extract facts", "in"),
    "generations": ("list the generations", "of"),
    "get": ("get", ""),
    "grant_administrator": ("name an administrator", "of"),
    "history": ("see the history", "of"),
    "hold": ("hold", ""),
    "import": ("import a file", "into"),
    "keep_queries": ("say how long queries are kept", "in"),
    "learn": ("have learnt the memories", "of"),
    "learning_curve": ("see what was learnt", "of"),
    "lift_hold": ("lift the hold", "of"),
    "lineage": ("see the lineage", "of"),
    "link": ("link", ""),
    "linked": ("link", ""),
    "list": ("list the memories", "of"),
    "load": ("load", ""),
    "materialise": ("materialise", ""),
    "merge": ("merge", ""),
    "merged_into": ("merge", ""),
    "migrate": ("migrate", ""),
    "migrated_from": ("see where records came from", "in"),
    "name_cut": ("name a cut", "of"),
    "promote": ("promote a version", "of"),
    "prove": ("prove a record", "of"),
    "prove_consistency": ("prove the growth", "of"),
    "queries": ("read the kept queries", "of"),
    "quoted_from": ("quote", ""),
    "rebuild": ("rebuild", ""),
    "rebuild_adapter": ("rebuild the adapter", ""),
    "related": ("see what is related", "to"),
    "remove_generations": ("remove former generations", "of"),
    "replay": ("replay the accesses", "of"),
    "retire": ("retire", ""),
    "revoke_api_key": ("revoke an API key", "of"),
    "rotate_api_key": ("rotate an API key", "of"),
    "rotate_root_key": ("rotate the root key", "of"),
    "revoke_administrator": ("dismiss an administrator", "of"),
    "rollback": ("roll back", ""),
    "route": ("plan a route", "through"),
    "same_text_as": ("compare", ""),
    "schedule": ("schedule the memories", "of"),
    "scopes": ("list the scopes", "of"),
    "search": ("search", ""),
    "sensitivities": ("see the sensitivities", "of"),
    "set_header": ("change the header", "of"),
    "set_sensitivities": ("order the sensitivities", "of"),
    "set_vocabulary": ("set the vocabulary", "of"),
    "stats": ("see the figures", "of"),
    "subjects": ("list the subjects", "of"),
    "supersedes": ("supersede", ""),
    "sweep": ("sweep", ""),
    "tag": ("tag", ""),
    "tags": ("list the tags", "of"),
    "update": ("update", ""),
    "usage_digest": ("see the usage digest", "of"),
    "verifier_key": ("see the verifier key", "of"),
    "verify": ("verify", ""),
    "vocabulary": ("see the vocabulary", "of"),
    "wait_for": ("wait", "for"),
}
"""For each operation that the gate is entered for, or a right is asked for: a verb with what belongs to
it, and what ties it to the thing that it is done to.
"""

CHANGES: Mapping[Kind, tuple[str, str]] = {
    Kind.GENERATED: ("make", ""),
    Kind.REVISED: ("change the content", "of"),
    Kind.HEADER_CHANGED: ("change the header", "of"),
    Kind.TAGGED: ("tag", ""),
    Kind.LINKED: ("link", ""),
    Kind.ACTIVATED: ("activate", ""),
    Kind.MERGED: ("merge", ""),
    Kind.ARCHIVED: ("archive", ""),
    Kind.RESTORED: ("restore", ""),
    Kind.FROZEN: ("freeze", ""),
    Kind.THAWED: ("thaw", ""),
    Kind.EXPIRED: ("end the lifespan", "of"),
    Kind.ROLLED_BACK: ("roll back", ""),
    Kind.ERASE_REQUESTED: ("erase", ""),
    Kind.ERASE_WITHDRAWN: ("take back the erase", "of"),
    Kind.ERASED: ("erase", ""),
    Kind.CACHED: ("cache", ""),
    Kind.EVICTED: ("drop the cache", "of"),
    Kind.DISTILLED: ("distil", ""),
    Kind.RETIRED: ("retire", ""),
    Kind.DECIDED: ("decide", "on"),
    Kind.CUT_NAMED: ("name a cut", "of"),
    Kind.GRANTED: ("name an administrator", "of"),
    Kind.REVOKED: ("dismiss an administrator", "of"),
    Kind.CONFIGURED: ("set up", ""),
    Kind.API_KEY_ISSUED: ("issue an API key", "of"),
    Kind.API_KEY_REVOKED: ("revoke an API key", "of"),
    Kind.API_KEY_USED: ("use an API key", "of"),
}
"""The same for each kind of event."""

WHOLE_VAULT = "the whole vault"
"""What is said where a tenant would be named, and there is none."""

_BY_TITLE = {kind.title: doing for kind, doing in CHANGES.items()}


def doing(operation: str, what: str) -> str:
    """What an operation does to something: `change the header of acme/alice`."""
    verb, tie = _of(operation)
    return " ".join(filter(None, (verb, tie, what)))


def doing_so(operation: str, how: str) -> str:
    """What an operation does, and how: `add a memory for bob`."""
    return f"{_of(operation)[0]} {how}"


def changing(kind: Kind, what: str = "it") -> str:
    """What an event of this kind does to a cube: `change the header of it`."""
    verb, tie = CHANGES[kind]
    return " ".join(filter(None, (verb, tie, what)))


def _of(operation: str) -> tuple[str, str]:
    return DOINGS.get(operation) or _BY_TITLE.get(operation) or (operation.replace("_", " "), "")
