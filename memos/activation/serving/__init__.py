"""A local model that several processes ask: requests known by their ids, and which of several pools takes each."""
