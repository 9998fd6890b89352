"""Python helpers of claudetools: what hurts in shell. The driver is scripts/sync.sh.

Each package imports only from steps above its own in this list (tests/test_layers.py):

    core                                      git, files, places, processes, messages, settings
    text                                      formats: front matter, ciphertext, credentials
    lock, checkout, merge, attribution        what one sync does to commits and files
    checks, sessions, logs                    what is held back, who changed what, what was written down
    notes, vault
    wiki, install
    the modules that __main__.py starts       jobs and commands
"""
