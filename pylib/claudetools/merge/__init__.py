"""Merge and replay commits as objects. No file of the tree is touched, but for a conflict that is laid out."""
