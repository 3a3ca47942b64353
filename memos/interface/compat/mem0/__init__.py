"""mem0's interface on a vault. What its SDK and its platform share needs no web framework: `entities`, `filters`,
`records` and `messages`.
"""
