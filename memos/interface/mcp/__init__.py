"""The Model Context Protocol's door: memories as tools of a host, over stdio and HTTP."""
