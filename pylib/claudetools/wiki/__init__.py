"""The wiki: articles that are compiled from the session logs, proved by code, and never in the way of a save.

what people type     command; telling is how it answers
a compile            compiling; turn: one at a time; reading: all that it is made from; desk: this machine
what it is made of   target, sources, outline
the draft            prompt, synthesizer, draft
the proof            verify; statements: what the logs say last; rendered: as it is read; facts and patterns; subjects
                     and wording; kept: what no draft may change
the article          article (front matter), sidecar (where lines come from), store (the file), index (the list)
later                overview (status), checking, renaming, redirects
Syncro               syncro, token, billing, hours
pages to look at     html; html_read, html_page, html_site
"""
