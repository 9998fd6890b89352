"""Whose a change is, told from the records of the sessions. No git, no files.

the records of a path   chain puts them in order, explain takes windows of commands apart
its lines               weave; owners for the path as a whole; moves for files that were renamed
what was taken out      lost
shell commands          shell_words; harmless, reach (what they write), guards (what they would destroy)
"""
