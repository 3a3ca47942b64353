"""The texts of queries, where a vault keeps them: beside the access log, and not for long."""
