"""The index: what search runs on."""
