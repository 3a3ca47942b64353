"""The distributed engine: a log in Kafka, folded by workers into Cassandra and Milvus."""
