"""Python helpers of claudetools: what hurts in shell. The driver is scripts/sync.sh.

Packages: `lock`, `advance`, `install`, `sessions`, `logs`, `notes`, `vault`, `wiki`. The modules beside them:

    what all stand on   place and identity; git, objects, files and index; text, light, processes;
                        cli and as_session for commands, job and touched for the shell, checkpoint for tests
    between two tips    replay, merging, settling, dropped, namesakes; refused by the remote
    what is set         settings; arrivals: what came in and starts programs here
    what a gate holds   detector finds credentials, secrets_job asks it; held_moves; cipher for what has no lines
    true conflicts      resolve, laid_out
"""
