"""The client of a server of memories (`memos serve`): the methods of `Memory` that make sense from afar."""
