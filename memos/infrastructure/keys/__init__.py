"""Keys: who can open what. Destroying a key is how a memory is erased."""
