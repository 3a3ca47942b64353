"""LangGraph's store on a vault."""
