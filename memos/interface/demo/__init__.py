"""The demo: a short conversation remembered, corrected, poisoned, undone, erased and proven."""
