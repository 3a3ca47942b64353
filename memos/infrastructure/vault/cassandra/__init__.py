"""The vault in Cassandra: what the fold of the distributed engine writes and everyone reads."""
