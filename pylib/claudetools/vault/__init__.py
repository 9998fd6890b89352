"""The second repository, for secrets: what is in it is encrypted, and text elsewhere holds only its path.

what goes in     command; seal encrypts, storing makes the file, sending sends it; remains: where the value stays
what may go out  judge, by conventions (what asks for it) and sealed (what is encrypted), which reads yaml_lines
"""
