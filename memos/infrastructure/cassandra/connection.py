"""The connection to Cassandra: prepared statements, and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, TypeVar

from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    DriverException,
    OperationTimedOut,
    ReadFailure,
    RequestExecutionException,
    Unauthorized,
    UnresolvableContactPoints,
)
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    ResponseFuture,
    Session,
)
from cassandra.concurrent import execute_concurrent
from cassandra.connection import ConnectionException
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    TokenAwarePolicy,
)
from cassandra.protocol import ErrorMessage
from cassandra.query import PreparedStatement, Statement, tuple_factory
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from memos.infrastructure.cassandra.settings import CassandraSettings
from memos.kernel.errors import StoreUnavailable, VaultError

T = TypeVar("T")

Row = tuple[Any, ...]
"""A row as Cassandra gives it; the statement that asked for it knows its types."""

PROTOCOL = 5
CONNECT_SECONDS = 10.0
RECONNECT_SECONDS = 1.0
DEFINE_SECONDS = 60.0
IN_FLIGHT = 64
INDEX_NOT_AVAILABLE = 6
"""Cassandra's code for a node whose index is not built, or not known to be."""
INDEX_SECONDS = 60.0


class CassandraSession:
    """One connection to a cluster, safe for threads. Statements are prepared once and idempotent.

    Every method raises StoreUnavailable where no node, or too few, answered in time, and
    VaultError where Cassandra refused a statement.
    """

    def __init__(self, settings: CassandraSettings) -> None:
        self.settings = settings
        self._read: int = ConsistencyLevel.name_to_value[settings.read_consistency]
        self._write: int = ConsistencyLevel.name_to_value[settings.write_consistency]
        self._prepared: dict[str, PreparedStatement] = {}
        self._preparing = Lock()
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(
                DCAwareRoundRobinPolicy(settings.local_datacenter)
            ),
            consistency_level=self._read,
            request_timeout=settings.request_timeout,
            row_factory=tuple_factory,
        )
        secret = (
            PlainTextAuthProvider(settings.username, settings.password)
            if settings.username
            else None
        )
        self.cluster = Cluster(
            settings.hosts,
            port=settings.port,
            protocol_version=PROTOCOL,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            auth_provider=secret,
            ssl_context=settings.tls_context(),
            # The driver's own grows to ten minutes: a vault would seem down long after the node is.
            reconnection_policy=ConstantReconnectionPolicy(RECONNECT_SECONDS, None),
            connect_timeout=CONNECT_SECONDS,
            # For reading the schema; in the driver's own two seconds a busy node does not answer.
            control_connection_timeout=CONNECT_SECONDS,
            # It would read every table of every vault in the cluster at each opening, and again
            # whenever one changes: what is needed of it is asked for.
            schema_metadata_enabled=False,
            schema_event_refresh_window=-1,
        )
        try:
            with self.explained():
                self.session: Session = self.cluster.connect()
        except VaultError:
            self.cluster.shutdown()
            raise

    def execute(self, cql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Run a statement with `?` for each value; all its rows."""
        with self.explained():
            prepared = self.prepare(cql)
            return _once_indexed(lambda: list(self.session.execute(prepared, values)))

    def stream(self, cql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
        """Run a statement; its rows, of which a page at a time is in memory."""
        with self.explained():
            prepared = self.prepare(cql)
            yield from _once_indexed(lambda: self.session.execute(prepared, values))

    def execute_async(self, cql: str, values: Sequence[Any] = ()) -> ResponseFuture:
        """Start a statement; `result` gives its rows."""
        with self.explained():
            return self.session.execute_async(self.prepare(cql), values)

    def result(self, future: ResponseFuture) -> list[Row]:
        """The rows of a statement that was started."""
        with self.explained():
            return list(future.result())

    def concurrently(
        self, cql: str, values: Iterable[Sequence[Any]], *, in_flight: int = IN_FLIGHT
    ) -> list[list[Row]]:
        """Run a statement once for each set of values; the rows of each, in order."""
        prepared = self.prepare(cql)
        return self.run_all(((prepared, row) for row in values), in_flight=in_flight)

    def everywhere(self, cql: str, values: Iterable[Sequence[Any]]) -> list[list[Row]]:
        """As `concurrently`, answered by every copy: what none of them has is nowhere."""
        statements = [self.prepare(cql).bind(row) for row in values]
        for statement in statements:
            statement.consistency_level = ConsistencyLevel.ALL
        return self.run_all([(statement, ()) for statement in statements])

    def run_all(
        self,
        statements: Iterable[tuple[Statement | PreparedStatement, Sequence[Any]]],
        *,
        in_flight: int = IN_FLIGHT,
    ) -> list[list[Row]]:
        """Run many statements, at most `in_flight` at once; the rows of each, in order."""
        # Made before the first is sent: the driver takes the later ones in the thread that its
        # answers come in, and whatever waits for an answer there waits for ever.
        pending = list(statements)
        with self.explained():
            results = _once_indexed(
                lambda: execute_concurrent(self.session, pending, concurrency=in_flight)
            )
            return [list(result) for _, result in results]

    def prepare(self, cql: str) -> PreparedStatement:
        """The statement, prepared; it may be repeated without another effect."""
        prepared = self._prepared.get(cql)
        if prepared is None:
            with self._preparing, self.explained():
                prepared = self.session.prepare(cql)
                prepared.is_idempotent = True
                prepared.consistency_level = self._read if cql.startswith("SELECT") else self._write
                self._learn_copies(prepared)
                self._prepared[cql] = prepared
        return prepared

    def define(self, ddl: str) -> None:
        """Run a statement that changes the schema, and wait until every node has it."""
        with self.explained():
            self.session.execute(ddl, timeout=DEFINE_SECONDS)

    @property
    def write_consistency(self) -> int:
        """The consistency of a write, as the driver counts them."""
        return self._write

    @property
    def nodes(self) -> int:
        """How many nodes the cluster has."""
        return len(self.cluster.metadata.all_hosts())

    def primary_key(self, keyspace: str, table: str) -> list[str]:
        """The columns of a table's primary key, in its order."""
        cql = (
            "SELECT kind, position, column_name FROM system_schema.columns"
            " WHERE keyspace_name = ? AND table_name = ?"
        )
        columns = sorted(self.execute(cql, (keyspace, table)))
        return [
            name
            for part in ("partition_key", "clustering")
            for kind, _, name in columns
            if kind == part
        ]

    def _learn_copies(self, prepared: PreparedStatement) -> None:
        """Read on which nodes a keyspace has its rows: each statement goes to one of those. Where that
        cannot be told now, it goes to any node, and the next statement asks again.
        """
        known = self.cluster.metadata.keyspaces
        for keyspace in {column.keyspace_name for column in prepared.column_metadata}:
            if self.nodes > 1 and keyspace not in known:
                with suppress(DriverException):
                    self.cluster.refresh_keyspace_metadata(keyspace)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn the driver's errors into ours, with what to do."""
        try:
            yield
        except (
            NoHostAvailable,
            OperationTimedOut,
            ConnectionException,
            RequestExecutionException,
            UnresolvableContactPoints,
        ) as error:
            raise StoreUnavailable(
                f"Cassandra at {self.settings.server} (keyspace {self.settings.keyspace}) did not "
                f"do what was asked ({_told(error)}): {_advice(error)}"
            ) from error
        except (DriverException, ErrorMessage) as error:
            forbidden = isinstance(error, Unauthorized)
            advice = "grant the user that" if forbidden else "run `memos doctor`"
            raise VaultError(
                f"Cassandra at {self.settings.server} refused a statement on keyspace "
                f"{self.settings.keyspace} ({_told(error)}): {advice}"
            ) from error

    def close(self) -> None:
        """Close every connection."""
        self.cluster.shutdown()


def _once_indexed(ask: Callable[[], T]) -> T:
    """What is asked for; where an index was just made, or a node has just begun, as soon as it is there.

    Raises:
        ReadFailure: it was not there in time.
    """
    try:
        return ask()
    except ReadFailure as error:
        if not _lacks_index(error):
            raise
    again = Retrying(
        retry=retry_if_exception(_lacks_index),
        wait=wait_fixed(0.1),
        stop=stop_after_delay(INDEX_SECONDS),
        reraise=True,
    )
    return again(ask)


def _lacks_index(error: BaseException) -> bool:
    codes = (isinstance(error, ReadFailure) and error.error_code_map) or {}
    return set(codes.values()) == {INDEX_NOT_AVAILABLE}


def _advice(error: BaseException) -> str:
    """What to do about a connection or a request that failed."""
    causes = list(dict(error.errors).values()) if isinstance(error, NoHostAvailable) else [error]
    if any(isinstance(cause, AuthenticationFailed) for cause in causes):
        return "correct username and password in the settings of Cassandra"
    if any("[SSL" in str(cause) for cause in causes):  # the driver keeps the words alone
        return (
            "correct tls, tls_ca, tls_certificate and tls_key in the settings of Cassandra, or the "
            "server's certificate"
        )
    if any(isinstance(cause, ConnectionResetError) for cause in causes):
        return "see that it runs and whether it asks for TLS (`memos doctor`), then try again"
    return "see that enough of its nodes run and can be reached (`memos doctor`), then try again"


def _told(error: BaseException) -> str:
    """What an error says, and of each node what it said."""
    if isinstance(error, NoHostAvailable):
        reasons = [f"{host}: {why}" for host, why in dict(error.errors).items()]
        return "; ".join(reasons) or "no node can be reached"
    return str(error) or type(error).__name__
