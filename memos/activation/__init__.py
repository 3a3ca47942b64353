"""Memories as the KV cache of a local model; needs the extra `activation`."""
