"""Distillation for several who ask: jobs wait in a queue, and whoever is free takes the next."""
