"""Generated from schemas/memos/v1 by `make proto`; never edited."""
