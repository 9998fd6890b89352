"""Jobs that look at a set of paths or commits and report what a sync has to hold back or to tell."""
