"""Checking a distributed vault: its log against what was signed, all else against the log."""
