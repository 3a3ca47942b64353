"""The index beside the vault in Cassandra: its change log by tenant, and the reader's view of it."""
