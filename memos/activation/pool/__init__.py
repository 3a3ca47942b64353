"""The pool: which segments are kept, where, for how long, and whom they belong to."""
