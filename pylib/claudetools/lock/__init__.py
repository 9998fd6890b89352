"""Whose the lock is, and clearing it when its owner is proved dead. The shell takes and releases it (lib/lock.sh)."""
