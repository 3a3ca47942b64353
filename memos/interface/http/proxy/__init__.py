"""A server of OpenAI's chat API behind this one, and the memories that are put into what it is asked."""
