"""The wiki: articles that are compiled from the session logs, proved by code, and never in the way of a save."""
