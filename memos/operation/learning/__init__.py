"""Memories learnt as they arrive: clusters of them, which are due, and what came of each round."""
