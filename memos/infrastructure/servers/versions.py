"""The servers that MemOS starts, pinned: what is tested is what runs."""

from __future__ import annotations

KAFKA = "4.1.1"
KAFKA_SCALA = "2.13"
SLF4J_FOR_KAFKA = "1.7.36"
"""Kafka brings slf4j-api of this version and no binding: the one beside it must match."""

CASSANDRA = "5.0.9"

MILVUS = "2.3.5"
"""The newest Milvus server on the Python index; dense vectors only."""

MAVEN_DEPENDENCY_PLUGIN = "3.8.1"

KAFKA_JARS = (
    f"org.apache.kafka:kafka_{KAFKA_SCALA}:{KAFKA}",
    f"org.slf4j:slf4j-simple:{SLF4J_FOR_KAFKA}",
)
CASSANDRA_JARS = (f"org.apache.cassandra:cassandra-all:{CASSANDRA}",)
