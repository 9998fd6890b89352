"""Putting claudetools into a repository, bringing it up to date, and taking it out again.

the way          command: what was asked for (call), a plan (arrive or leave), the steps of it (plan, steps)
what is there    place, and what earlier runs wrote down (record)
what comes       toolkit; archive: all of it in one file; files of ours; sections of the user's text files (text);
                 clone: what is not committed; pin: which version is used
the agent's      agent_settings, by edits in the text (json_text); merged: which of it is ours
what is said     report, table
this machine     helpers: a copy for runs that are under way; environment: the packages
"""
