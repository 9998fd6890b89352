"""Session logs: one file for each session and topic, named so that no two of them meet."""
