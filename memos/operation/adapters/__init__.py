"""Adapters: memories that a model learnt, kept by the log, and taken out again."""
