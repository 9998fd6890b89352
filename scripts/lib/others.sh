# shellcheck shell=bash
# What is left out because of other sessions that are at work here: theirs to settle, one line for everybody else.
# Needs: results, split.
# Sets: LEFT_FOR LEFT_OUT OTHERS_LEFT SPLIT_ASKED.

# ask_for_left_out: the split helper is to say whose it is what the gates have left out in this round.
ask_for_left_out() {
  [ ${#LEFT_PATHS[@]} -gt 0 ] || return 0
  printf '%s\0' "${LEFT_PATHS[@]}" >"$WORK/left-out"
  SPLIT_ASKED+=(--left-out "$WORK/left-out")
}

# note_owner_of_left_out N IDS TOPIC: the Nth is unsaved work of these sessions alone, and they are at work here.
note_owner_of_left_out() {
  OTHERS_LEFT+=("$2"$'\t'"$3"$'\t'"${LEFT_OUT[$1]}")
}

# owner_of_left_out ITEM: sets OWNERS, ids ('' for anybody's), and TOPIC.
owner_of_left_out() {
  local one
  OWNERS='' TOPIC=''
  for one in ${OTHERS_LEFT[@]+"${OTHERS_LEFT[@]}"}; do
    if [ "${one#*$'\t'*$'\t'}" = "$1" ]; then
      OWNERS=${one%%$'\t'*} one=${one#*$'\t'}
      TOPIC=${one%%$'\t'*}
    fi
  done
}

# left_out_for SESSION: sets LEFT_FOR, what this session has to settle, and NOT_FOR ("topic<tab>item"), what others have.
left_out_for() {
  local item OWNERS TOPIC
  LEFT_FOR=() NOT_FOR=()
  for item in ${EVERYTHING_LEFT[@]+"${EVERYTHING_LEFT[@]}"}; do
    owner_of_left_out "$item"
    case ,$OWNERS, in
      ,, | *",${1:-none},"*) LEFT_FOR+=("$item") ;;
      *) NOT_FOR+=("$TOPIC"$'\t'"$item") ;;
    esac
  done
}

# exit_for_left_out: the exit code of the sync for the session that left_out_for was asked about.
exit_for_left_out() {
  local WORSE=$EXIT_WITHOUT_LEFT
  [ ${#LEFT_FOR[@]} -eq 0 ] || worse_exit "$EXIT_WITHOUT_LEFT" "$EXIT_HELD"
  printf '%s' "$WORSE"
}

# Called once, at the end. EVERYTHING_LEFT keeps what the sessions that are served along may have to settle.
set_others_aside() {
  local item what
  EVERYTHING_LEFT=(${LEFT_OUT[@]+"${LEFT_OUT[@]}"})
  [ ${#OTHERS_LEFT[@]} -gt 0 ] || return 0
  left_out_for "$SESSION"
  LEFT_OUT=(${LEFT_FOR[@]+"${LEFT_FOR[@]}"})
  for item in ${NOT_FOR[@]+"${NOT_FOR[@]}"}; do
    what=${item#*$'\t'}
    note_fact "[INFO] Left out, not yours: ${what%%$'\n'*} of '${item%%$'\t'*}'. That session is told when it saves."
  done
}
