"""Faust drivers of the distributed engine's workers. Thin: take, call the worker, acknowledge."""
