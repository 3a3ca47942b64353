"""Importing files again and again, in step with what they hold: looked up, planned, checked, then written."""
