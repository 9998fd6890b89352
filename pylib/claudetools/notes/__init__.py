"""What people write to each other in session logs: found, kept, shown to one session, acknowledged."""
