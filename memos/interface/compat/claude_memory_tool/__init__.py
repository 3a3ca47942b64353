"""The storage behind the memory tool of Anthropic's API (`memory_20250818`)."""
