# shellcheck shell=bash
# Notes for the person of this machine: found in the logs that came in, shown to one session, on top of everything;
# and what that person has acknowledged.
# The work is done by pylib/claudetools/notes/; it is started only when there is something for it to do.
# Needs: repository, identity, python, commit, results.
# Sets: NOTES_JSON.

# deliver_notes: sets NOTES_BANNER (lines), NOTES_JSON (objects) and NOTES_SHOWN (files to be made once it is printed).
# Whatever goes wrong here is told and nothing else: what a sync saved and sent does not depend on it.
deliver_notes() {
  local inbox=$STATE/inbox/@${ID_USER:-} arguments=()
  [ "$ROLE" = main ] || return 0
  NOTES_BANNER='' NOTES_JSON=() NOTES_SHOWN=()
  [ "$JOB" = sync ] && [ -z "$DRY_RUN" ] && [ -n "${ID_USER:-}" ] && [ -d "$STATE" ] || return 0
  READ_NOTES=run_python # to read Markdown takes a package
  if notes_came_in; then arguments+=(--tip "$SEEN") READ_NOTES=run_python_with_packages; fi
  find_reader
  if [ -n "$READER" ] && { [ ${#arguments[@]} -gt 0 ] || [ -d "$STATE/inbox/open" ] || notes_wait_for "$inbox" "$READER"; }; then
    arguments+=(--session "$READER" --shell "$READER_PID")
  fi
  find_logs_with_notes
  [ ${#NOTED_LOGS[@]} -eq 0 ] || READ_NOTES=run_python_with_packages
  if [ ${#arguments[@]} -gt 0 ] || [ ${#NOTED_LOGS[@]} -gt 0 ]; then
    [ -z "$JSON" ] || arguments+=(--json)
    begin_phase deliver
    run_delivery ${arguments[@]+"${arguments[@]}"} -- ${NOTED_LOGS[@]+"${NOTED_LOGS[@]}"}
    end_phase
  fi
  [ -z "$READER" ] || tell_open_notes "$inbox" "$READER"
}

# Who will read what this run prints: a session, or a person at a terminal. Nobody: then no note is used up.
find_reader() {
  READER=$SESSION READER_PID=0
  [ -z "$READER" ] && [ -t 1 ] || return 0
  READER=@terminal-$PPID READER_PID=$PPID
}

# notes_came_in: the remote branch has commits that nobody has looked at for this person, with a log or an acknowledgement
# in them; the first time, what counts is whether it has logs. `surfaced` is read and compared here, so that the usual sync
# starts nothing.
notes_came_in() {
  local surfaced='' whose='' text
  [ -n "$SEEN" ] || return 1
  read -r surfaced whose 2>/dev/null <"$TREE/surfaced"
  [ "${whose:-$ID_USER}" = "$ID_USER" ] || surfaced=''
  [ "$surfaced" != "$SEEN" ] || return 1
  if [ -z "$surfaced" ]; then
    text=$(git -C "$TOP" ls-tree -r --name-only --full-tree "$SEEN" 2>/dev/null) || return 0
  elif [ "$surfaced" != "$COMMIT_PARENT" ] || [ "$SEEN" != "$COMMIT_OID" ]; then
    text=$(git -C "$TOP" log -m --name-only --format='%(trailers:key=Note-Ack)' "$SEEN" "^$surfaced" -- 2>/dev/null) || return 0
  fi
  case ${text:-} in *[Ss]ession-[Ll]ogs/* | *Note-Ack:*) return 0 ;; esac
  printf '%s\n' "$SEEN $ID_USER" 2>/dev/null >"$TREE/surfaced"
  return 1
}

# notes_wait_for INBOX READER: a note is open that READER does not know of, as far as a shell can tell.
notes_wait_for() {
  local note taken last who
  for note in "$1"/open/*/; do
    [ -d "$note" ] || continue
    last=''
    for taken in "$note"taken.*; do last=$taken; done
    read -r who 2>/dev/null <"$last" || return 0
    [ "$who" = "$2" ] && [ -e "${last%/*}/shown.${last##*.}" ] || return 0
  done
  return 1
}

# tell_open_notes INBOX READER: what READER was shown, perhaps before anybody could see it, and nobody has acknowledged.
tell_open_notes() {
  local note taken last who label count=0 labels='' more='' what
  for note in "$1"/open/*/; do
    [ -d "$note" ] || continue
    last=''
    for taken in "$note"taken.*; do last=$taken; done
    read -r who 2>/dev/null <"$last" && [ "$who" = "$2" ] && [ -e "${last%/*}/shown.${last##*.}" ] || continue
    count=$((count + 1)) label=''
    read -r label 2>/dev/null <"${note}label" || label=${note%/} label=${label##*/}
    [ "$count" -gt 3 ] || labels+="${labels:+; }$label"
  done
  [ "$count" -gt 0 ] || return 0
  [ "$count" -le 3 ] || more=" and $((count - 3)) more"
  [ "$count" -eq 1 ] && what='1 open note' || what="$count open notes"
  note_fact "[INFO] $what for you: $(visible "$labels")$more. Read: $(tools_command) notes show ID   Done: $(tools_command) notes ack ID"
}

# NOTED_LOGS: logs that this run has saved and that hold something like a note. Their writer is told of wrong names.
find_logs_with_notes() {
  local logs=() path
  NOTED_LOGS=()
  [ ${#COMMITS[@]} -gt 0 ] || return 0
  for path in ${ALL_CHANGED[@]+"${ALL_CHANGED[@]}"}; do
    case /$path in
      *$'\n'*) ;;
      */session-logs/*.md) logs+=(":(literal)$path") ;;
    esac
  done
  [ ${#logs[@]} -gt 0 ] || return 0
  while IFS= read -r -d '' path; do
    NOTED_LOGS+=("${path#*:}")
  done < <(git -C "$TOP" grep -z -l -i -E '(note|message)s?[^[:alnum:]]+(for|to|@)' "$HEAD_OID" -- "${logs[@]}" 2>/dev/null)
}

run_delivery() {
  local out status
  find_python || {
    note_fact "[WARN] Notes of others cannot be read: Python $PYTHON_FLOOR or newer is missing. Install it, then: $(sync_command)"
    return
  }
  out=$("$READ_NOTES" deliver --top "$TOP" --user "$ID_USER" --name "$ID_NAME" --email "$ID_EMAIL" \
    --machine "$ID_MACHINE" --zone "${ID_TIMEZONE:-}" "$@" 2>&1)
  status=$?
  read_delivery "$out"
  case $status in
    0) ;;
    79) note_fact "[WARN] Notes of others cannot be read: ${DELIVERY_WORDS:-a Python package is missing}. Install it: $(setup_command)   Then: $(sync_command)" ;;
    *) note_fact "[WARN] Notes of others could not be read (${DELIVERY_WORDS:-no message}). Nothing is lost; the next sync tries again." ;;
  esac
}

read_delivery() {
  local word text
  DELIVERY_WORDS=''
  while IFS=$'\t' read -r word text; do
    case $word in
      banner) NOTES_BANNER+=$text$'\n' ;;
      json) NOTES_JSON+=("$text") ;;
      shown) NOTES_SHOWN+=("$text") ;;
      fact) note_fact "$text" ;;
      *) DELIVERY_WORDS=$(visible "$word") ;;
    esac
  done <<<"$1"
}

# The banner is the very first thing on stdout. Only when it is out are the notes used up: a kill before loses none.
print_notes() {
  checkpoint notes
  [ -z "$NOTES_BANNER" ] || say "${NOTES_BANNER%$'\n'}"
  [ -n "$JSON$UNSAID" ] || use_up_notes
}

use_up_notes() {
  local file
  for file in ${NOTES_SHOWN[@]+"${NOTES_SHOWN[@]}"}; do { : >"$file"; } 2>/dev/null; done
  return 0
}

# What was acknowledged here travels with the next commit: its sender sees it, and this person's other machines show the
# note no more. Said twice after a kill, never not at all.
print_acks() {
  local file
  ACKS=()
  for file in "$STATE/inbox/@$ID_USER"/acks/n* "$STATE"/inbox/acks/n*; do
    [ -f "$file" ] || continue
    ACKS+=("$file")
    printf 'Note-Ack: %s\n' "${file##*/}"
  done
}

forget_acks() { [ ${#ACKS[@]} -eq 0 ] || rm -f "${ACKS[@]}"; }
