"""OpenAI Agents' sessions on a vault."""
