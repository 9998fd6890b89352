"""Formats: front matter, ciphertext, credentials. Bytes in, findings out: no git, no files."""
