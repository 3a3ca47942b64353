"""Ray actors: thin, around plain classes of memos that do the work."""
