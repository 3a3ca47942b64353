"""What decides which form each memory has: policies, the access log that they go by, and its replay."""
