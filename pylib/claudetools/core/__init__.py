"""What every part stands on. Imports nothing above itself.

the repository   git, objects (many of them by one process), index, place (where its parts lie)
files, processes files, processes
what is set      settings, identity
talk             messages; cli for commands, job for what the shell starts
time             clock
the rest         light (stand-ins for slow modules), checkpoint (for tests)
"""
