# shellcheck shell=bash
# The process environment of every program here: distrusted first, then fixed.
# Sourced before anything else; callers may rely on LC_ALL=C and on a git that is nobody's but theirs.
# Sets: CALLER_EDITOR CALLER_LC_ALL CALLER_SSH TOOLKIT.

unset CDPATH
# Names of ours that are asked for before they are set: somebody may have exported one.
unset PHASE PYTHON STATE TREE WORK JOB ROLE TOP MAIN_TOP MAIN_STATE REQUEST BOOT_ID SEAL_FOLDER
IFS=$' \t\n'
readonly CALLER_LC_ALL=${LC_ALL-unset} CALLER_EDITOR=${GIT_EDITOR-unset} CALLER_SSH=${GIT_SSH_COMMAND-unset} # hooks get these back
readonly CALLER_AUTHOR_NAME=${GIT_AUTHOR_NAME-} CALLER_AUTHOR_EMAIL=${GIT_AUTHOR_EMAIL-} \
  CALLER_COMMITTER_NAME=${GIT_COMMITTER_NAME-} CALLER_COMMITTER_EMAIL=${GIT_COMMITTER_EMAIL-} # plain git signs with these
export LC_ALL=C

# A hook of git's exports these; with them set, "git -C elsewhere" would work on the wrong repository.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES \
  GIT_PREFIX GIT_INTERNAL_SUPER_PREFIX GIT_NAMESPACE GIT_CEILING_DIRECTORIES GIT_CONFIG GIT_CONFIG_PARAMETERS \
  GIT_GRAFT_FILE GIT_REPLACE_REF_BASE GIT_SHALLOW_FILE GIT_NO_REPLACE_OBJECTS GIT_IMPLICIT_WORK_TREE \
  GIT_QUARANTINE_PATH GIT_REFLOG_ACTION GIT_LITERAL_PATHSPECS GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS \
  GIT_ICASE_PATHSPECS GIT_EXTERNAL_DIFF GIT_DIFF_OPTS GIT_ATTR_SOURCE GIT_TRACE GIT_TRACE2 \
  GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE

# Nobody sits at the keyboard: a login prompt has to become an error, never a hang.
export GIT_TERMINAL_PROMPT=0 GCM_INTERACTIVE=never GIT_EDITOR=: GIT_OPTIONAL_LOCKS=0 GIT_MERGE_AUTOEDIT=no
export GIT_SSH_COMMAND="${GIT_SSH_COMMAND:-ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=5 -o ServerAliveCountMax=4}"

# Settings for every git below us. A daemon (gc, maintenance, fsmonitor) would inherit the beacon and outlive us.
export GIT_CONFIG_COUNT=7 \
  GIT_CONFIG_KEY_0=gc.auto GIT_CONFIG_VALUE_0=0 \
  GIT_CONFIG_KEY_1=maintenance.auto GIT_CONFIG_VALUE_1=false \
  GIT_CONFIG_KEY_2=core.fsmonitor GIT_CONFIG_VALUE_2=false \
  GIT_CONFIG_KEY_3=core.quotePath GIT_CONFIG_VALUE_3=false \
  GIT_CONFIG_KEY_4=merge.directoryRenames GIT_CONFIG_VALUE_4=true \
  GIT_CONFIG_KEY_5=http.lowSpeedLimit GIT_CONFIG_VALUE_5=100 \
  GIT_CONFIG_KEY_6=http.lowSpeedTime GIT_CONFIG_VALUE_6=20

TOOLKIT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P) || return 70
readonly TOOLKIT
