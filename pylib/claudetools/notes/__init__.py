"""What people write to each other in session logs: found, kept, shown to one session, acknowledged.

what people type  command
from the commits  history reads them, extract finds the notes, people says who is meant
on this machine   who works here, incoming: from commits to the inbox, taking: by one session
what is shown     deliver, banner, clock
what was written  writing (before it goes), sending (without a log), sent (and who has read it)
"""
