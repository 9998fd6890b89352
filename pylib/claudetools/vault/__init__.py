"""The second repository, for secrets: what is in it is encrypted, and text elsewhere holds only its path."""
