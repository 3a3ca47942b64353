"""Adapters: memories behind the interfaces of other libraries, each in a module of that library's name."""
