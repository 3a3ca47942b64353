"""The forms of memories: what a model computed of plaintext, and the way back."""
