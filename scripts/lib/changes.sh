# shellcheck shell=bash
# The table of changes: one row for each path that differs from HEAD, with its kind and what becomes of it. The status
# fills it, the gates give verdicts, and whoever stages, checks or tells asks for a list.
#
#   kind     changed; new (not in HEAD); gone (deleted in the tree); unstaged (deleted in the index); unmerged; own (this
#            machine's); other (git shows no change)
#   verdict  it goes; held; later (being written right now); aside (neither staged nor held: the index is right already)
#   movable  held, but no news for the remote if a deleted path of the same change had these bytes
#   cruft    the name is a Windows path: it waits for settle_moves, or has been moved to quarantine
#
# A row is one string, a letter for each of the four, then the path. A path that was taken out of the index and lies in the
# tree has two rows: each function means the one of the tree, unless it says otherwise.
# Needs: nothing.
# Sets: LISTED.

begin_changes() { changes=() change_at=0; }
begin_changes

add_change() { # add_change KIND PATH
  case $1 in
    changed) changes+=("c...$2") ;;
    new) changes+=("n...$2") ;;
    gone) changes+=("g...$2") ;;
    unstaged) changes+=("u...$2") ;;
    unmerged) changes+=("x...$2") ;;
    other) changes+=("-...$2") ;;
  esac
}

has_changes() { [ ${#changes[@]} -gt 0 ]; }

# list_changes WHICH: sets LISTED, paths.
list_changes() {
  local row pattern
  case $1 in
    staged) pattern='[cn].*' ;;      # to be read from the tree
    new) pattern='n.*' ;;            # of them those that HEAD does not have
    every-new) pattern='n*' ;;       # also what is left out
    gone) pattern='g.*' ;;           # deleted in the tree
    unstaged) pattern='u*' ;;        # deleted in the index
    deleted) pattern='[gu].*' ;;     # both
    missed) pattern='[gu].?[!q]*' ;; # both, but for what went to quarantine
    present) pattern='[cng].*' ;;    # all that concerns the tree
    unmerged) pattern='x*' ;;
    held) pattern='?h*' ;;
    later) pattern='?l*' ;;
    left) pattern='[!x][hl]*' ;;   # both
    unsent) pattern='x*|?[hl]*' ;; # all that stays as the base has it
    cruft) pattern='?h?c*' ;;
  esac
  LISTED=()
  for row in ${changes[@]+"${changes[@]}"}; do
    # shellcheck disable=SC2254
    case $row in
      ${pattern%%|*} | ${pattern#*|}) LISTED+=("${row:4}") ;;
    esac
  done
}

# find_change PATH [ROWS]: sets CHANGE, the number of its row. The search begins where the last one ended: whoever looks up
# many paths has them in the order of the table.
find_change() {
  local i pattern=${2:-'[!u]*'}
  for ((i = change_at; i < ${#changes[@]}; i++)); do ! is_row "$i" "$1" || return 0; done
  for ((i = 0; i < change_at; i++)); do ! is_row "$i" "$1" || return 0; done
  return 1
}

is_row() {
  # shellcheck disable=SC2254
  case ${changes[$1]} in ????"$2") case ${changes[$1]} in $pattern) CHANGE=$1 change_at=$1 && return 0 ;; esac ;; esac
  return 1
}

is_staged() { find_change "$1" '[cn].*'; }
is_new() { find_change "$1" 'n*'; }
is_deleted() { find_change "$1" '[gu]*'; }
is_unstaged() { find_change "$1" 'u*'; }
is_held() { find_change "$1" '?h*'; }
is_later() { find_change "$1" '?l*'; }
is_movable() { find_change "$1" '?hm*'; }

# find_or_add PATH: the row of the tree, else that of the index, else a new one.
find_or_add() {
  find_change "$1" || find_change "$1" 'u*' || {
    add_change other "$1"
    CHANGE=$((${#changes[@]} - 1))
  }
}

set_letter() { changes[CHANGE]=${changes[CHANGE]:0:$1}$2${changes[CHANGE]:$1+1}; } # set_letter PLACE LETTER

# hold PATH WHY FIX...: PATH stays in the folder and out of the commit.
hold() {
  hold_silently "$1"
  left_out "$@"
}

hold_silently() {
  find_or_add "$1"
  set_letter 1 h
}

# Not a fault of anybody: the file is being written, and goes with the next sync.
hold_for_later() {
  find_or_add "$1"
  set_letter 1 l
  note_later "$1"
  info "Left for the next sync: $(visible "$1") is being written right now."
}

# It belongs to this machine: held whatever --allow says, or left to what the index says already.
set_own_aside() { find_change "$1" '[cng]*' && set_letter 0 o && set_letter 1 a; }
hold_own() { find_change "$1" '[cng]*' && set_letter 0 o && set_letter 1 h; }

let_go_again() { ! is_held "$1" || set_letter 1 .; }
may_move() { find_or_add "$1" && set_letter 2 m; }
forget_movable() { ! find_change "$1" || set_letter 2 .; }
note_cruft() { find_or_add "$1" && set_letter 3 c; }

# It is in quarantine: what the index may have of it is to go. What was held stays held, and so out of the commit.
note_quarantined() { find_or_add "$1" && set_letter 0 g && set_letter 3 q; }
