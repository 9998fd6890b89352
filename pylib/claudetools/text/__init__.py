"""Formats and texts: bytes in, findings out. No repository is asked, no file of the tree is read.

front matter    front
lines           lines, and three-way merges of them
secrets         detector with its detector_tables; value, the secret part of a line; cipher for what has no lines
logs            notes in them
the wiki        target (which article), sidecar (where its lines come from), article_index (the list of all)
"""
