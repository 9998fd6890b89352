# shellcheck shell=bash
# The rules of hooks/checks, loaded as functions: a sync starts no program for them.

# shellcheck source=../../hooks/checks/log-name.sh
. "$TOOLKIT/hooks/checks/log-name.sh"
# shellcheck source=../../hooks/checks/path-cruft.sh
. "$TOOLKIT/hooks/checks/path-cruft.sh"

# check_added_name PATH: 1 when PATH may not be added, with RULE_TEXT (why) and RULE_FIX (the command that settles it).
check_added_name() { check_log_name "$1"; }
