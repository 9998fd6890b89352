# shellcheck shell=bash
# Rule: what is meant to be encrypted is encrypted: files that a path_regex of .sops.yaml names, whatever lies in a
# password store (a folder with .gpg-id, or below one), and *.age.

# -o prints what matches alone, so that no binary text comes along. The last one is the first byte of binary OpenPGP.
SEAL_PATTERNS=('mac"?[ :=]+"?ENC\[AES256_GCM,' '^age-encryption\.org/v1' '^-----BEGIN (AGE|PGP) [A-Z ]+-----'
  $'^[\x80-\xff]')

# find_seal PATH: 0 with SEAL (sops, gpg, age; unread: by a rule that we cannot read) when PATH below CONVENTIONS, a
# folder, has to be encrypted.
find_seal() {
  local path=$1 name=${1##*/} folder=''
  SEAL=''
  case $path in */*) folder=${path%/*}/ ;; esac
  if [ "$folder" != "${SEAL_FOLDER-none}" ]; then find_conventions "$folder"; fi
  case $name in
    *.age) SEAL=age && return 0 ;;
    .* | README* | LICENSE*) return 1 ;;
  esac
  if [ -n "$SEAL_STORE" ]; then
    SEAL=gpg
  else
    [ -n "$SEAL_RULES" ] && is_named_by_sops "${path#"$SEAL_TOP"}"
  fi
}

# The nearest .gpg-id and .sops.yaml at or above FOLDER ('' or "a/b/"). Paths come in order: mostly the same folder.
find_conventions() {
  local at=$1
  SEAL_FOLDER=$1 SEAL_STORE='' SEAL_RULES='' SEAL_TOP=''
  while :; do
    [ ! -e "$CONVENTIONS/$at.gpg-id" ] || SEAL_STORE=${SEAL_STORE:-yes}
    if [ -z "$SEAL_RULES" ] && [ -f "$CONVENTIONS/$at.sops.yaml" ]; then SEAL_TOP=$at && read_sops_rules "$CONVENTIONS/$at.sops.yaml"; fi
    [ -n "$at" ] || return 0
    at=${at%/}
    case $at in */*) at=${at%/*}/ ;; *) at='' ;; esac
  done
}

# SEAL_RULES: one regular expression a line; "?" and the line itself where we cannot read it. A rule without path_regex
# says how to encrypt, not what.
read_sops_rules() {
  local line comment='^[[:space:]]*#' named='^[[:space:]-]*path_regex:[[:space:]]*(.*)$'
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    [[ ! $line =~ $comment ]] || continue
    case $line in *path_regex*) ;; *) continue ;; esac
    if [[ $line =~ $named ]] && translate_expression "${BASH_REMATCH[1]}"; then
      SEAL_RULES+=$EXPRESSION$'\n'
    else
      SEAL_RULES+="?$line"$'\n'
    fi
  done <"$1"
}

# translate_expression YAML: sets EXPRESSION, POSIX for what Go takes. 1 for what cannot be said so: it would be
# matched as something else. "(?i)" at the start stays.
translate_expression() {
  local text=$1 escaped_class='\[[^]]*\\[]A-Za-z]'
  case $text in
    \'*) text=${text#\'} text=${text%\'*} text=${text//\'\'/\'} ;;
    \"*) text=${text#\"} text=${text%\"*} text=${text//\\\\/\\} ;;
    '' | ['>|&*!%@`{']*) return 1 ;;
    *) text=${text%%[[:space:]]#*} ;;
  esac
  [[ ! $text =~ $escaped_class ]] || return 1
  text=${text//\\d/[0-9]} text=${text//\\D/[^0-9]} text=${text//\\s/[[:space:]]} text=${text//\\S/[^[:space:]]}
  text=${text//\\w/[A-Za-z0-9_]} text=${text//\\W/[^A-Za-z0-9_]} text=${text//(\?:/(}
  case ${text#'(?i)'} in *\\[A-Za-z0-9]* | *'(?'*) return 1 ;; esac
  EXPRESSION=$text
}

# is_named_by_sops PATH: 0 with SEAL. With an expression that we cannot read, all that sops usually encrypts.
is_named_by_sops() {
  local path=$1 rule
  SEAL=sops
  while IFS= read -r rule; do
    [ -n "$rule" ] || continue
    matches_rule "$path" "$rule"
    case $? in
      0) return 0 ;;
      2) case $path in *.yaml | *.yml | *.json | *.env | *.ini) SEAL=unread && return 0 ;; esac ;;
    esac
  done <<<"$SEAL_RULES"
  return 1
}

matches_rule() {
  local path=$1 rule=$2 status
  case $rule in
    \?*) return 2 ;;
    '(?i)'*)
      shopt -s nocasematch
      [[ $path =~ ${rule#'(?i)'} ]]
      status=$?
      shopt -u nocasematch
      return "$status"
      ;;
  esac
  [[ $path =~ $rule ]]
}

# take_seal_line NUMBER TEXT: notes which seals the file bears.
take_seal_line() {
  case $2 in
    mac*) SEALS+=' sops' ;;
    age-*) [ "$1" != 1 ] || SEALS+=' age' ;;
    *'BEGIN AGE'*) [ "$1" != 1 ] || SEALS+=' age' ;;
    *'BEGIN PGP MESSAGE'*) [ "$1" != 1 ] || SEALS+=' gpg' ;;
    [$'\x80'-$'\xff']*) [ "$1" != 1 ] || SEALS+=' gpg' ;;
  esac
}

# judge_seal PATH SEAL: 0 when the file bears the seal; any of them will do where sops is asked for.
judge_seal() {
  local path=$1
  case $SEALS/$2 in *" $2"*/* | ' '*/sops | ' '*/unread) return 0 ;; esac
  RULE_TEXT='is not encrypted'
  case $2 in
    sops)
      RULE_TEXT+=', and .sops.yaml asks for it'
      RULE_FIX="Encrypt it: sops encrypt --in-place $(quoted "$path")"
      ;;
    unread)
      RULE_TEXT+=', and .sops.yaml has a path_regex that cannot be read here'
      RULE_FIX="Encrypt it, or write the expression in plainer words: bash $(command_path doctor.sh)"
      ;;
    gpg)
      RULE_TEXT+=', and lies in a password store'
      RULE_FIX="Put it in: pass insert --multiline NAME <$(quoted "$path")     then remove it here"
      ;;
    age) RULE_FIX="Encrypt it: age -e -R RECIPIENTS -o $(quoted "${path##*/}") PLAINTEXT" ;;
  esac
  return 1
}
