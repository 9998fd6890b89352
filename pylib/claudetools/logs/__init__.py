"""Session logs: one file for each session and topic, named so that no two of them meet.

what people type  command
what a log is     sections (and where it lies), names, slug, front (matter), clock, person
making one        make, write, record (in the ledger, so that it goes out with its session)
those there are   shelf, listing, missing, adopt
the rules         check, credentials
"""
