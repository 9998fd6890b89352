"""Putting claudetools into a repository, bringing it up to date, and taking it out again."""
