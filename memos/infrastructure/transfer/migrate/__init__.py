"""Moving a vault from one engine to another: its log, record by record, and its keys."""
