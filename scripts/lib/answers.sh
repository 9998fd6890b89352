# shellcheck shell=bash
# Why a fetch or a push failed, from what git, ssh and the server said: one table of causes, headlines and remedies.
# Needs: repository, results, remote, ui.

# answer_cause LINE: prints the cause that this line of stderr names, nothing where it names none. A cause that concerns a
# single commit (a size, a secret, a hook's own words) is none here: refusal.sh finds the commit.
answer_cause() {
  case $1 in
    *'HOST IDENTIFICATION HAS CHANGED'*) printf 'key-changed' ;;
    *'Host key verification failed'* | *'host key is known'*) printf 'key-unknown' ;;
    *'SAML SSO'* | *'single sign-on'* | *'Single Sign-On'*) printf 'sign-on' ;;
    *'detected dubious ownership'*) printf 'ownership' ;;
    *'SSL certificate'* | *'certificate verif'* | *'SSL: no alternative certificate'* | *'SSL peer certificate'*) printf 'certificate' ;;
    *'Authentication failed'* | *'could not read Username'* | *'could not read Password'* | *'terminal prompts disabled'* | \
      *'Permission denied (publickey'* | *'Permission denied, please try again'* | *'HTTP 401'* | *'returned error: 401'*) printf 'login' ;;
    *archived*read-only* | *' is archived'* | *' has been archived'*) printf 'archived' ;;
    *GH006* | *'protected branch'* | *'protected ref'* | 'remote: '*'pull request'* | 'remote: '*'merge request'*) printf 'protected' ;;
    *'Permission to '*' denied'* | *'Write access to repository not granted'* | *'not allowed to push'* | \
      *'You do not have permission'* | *'HTTP 403'* | *'returned error: 403'*) printf 'right' ;;
    *'the receiving end does not support push options'*) printf 'push-option' ;;
    *'shallow update not allowed'*) printf 'shallow' ;;
    'remote: '*'No space left on device'* | *'unpack'*'No space left on device'* | 'remote: '*'Disk quota exceeded'*) printf 'space' ;;
    *'Repository not found'* | *'project you were looking for could not be found'* | *'returned error: 404'* | \
      *'access denied or repository not exported'* | 'fatal: repository '*' not found'* | \
      *'unable to update url base from redirection'*) printf 'address' ;;
    *'returned error: 429'* | *'returned error: 5'[0-9][0-9]*) printf 'server' ;;
    *'Could not resolve host'* | *'Name or service not known'* | *'nodename nor servname'* | *'name resolution'* | \
      *'onnection refused'* | *'No route to host'* | *'Network is unreachable'* | *'onnection timed out'* | *'Operation timed out'* | \
      *"Couldn't connect to server"* | *'Failed to connect'* | *'onnection reset'* | *'onnection closed by'* | *'took longer than'* | \
      *'Operation too slow'*) printf 'network' ;;
  esac
}

# words_of_failure FILE: prints the cause, a line feed and the line that names it; nothing where no line does.
words_of_failure() {
  local line cause=''
  while IFS= read -r line; do
    cause=$(answer_cause "$line")
    [ -z "$cause" ] || break
  done <"$1"
  [ -n "$cause" ] || return 0
  # ssh frames its warning with @.
  line=${line#remote: } line=${line#fatal: } line=${line#ERROR: } line=${line%$'\r'}
  line=${line#"${line%%[!@ ]*}"} line=${line%"${line##*[!@ ]}"}
  printf '%s\n%s' "$cause" "$(visible "${line%.}")"
}

# report_answer CAUSE TEXT WAITING [HINT]: what it means and what helps. WAITING says where the work is. Always 0.
report_answer() {
  local text=$2 waiting=$3 name here again url
  name=$(visible "$REMOTE") here=$(git_here) again="Then: $(sync_command)"
  case $1 in
    login) problem "$EXIT_OFFLINE" warn "$name wants a login ($text)." "$waiting" \
      "Log in once by hand: $here fetch $(quoted "$REMOTE")" ${4:+"$4"} ;;
    key-changed) problem "$EXIT_OFFLINE" error "The host key of $name has changed ($text)." "$waiting" \
      "Somebody may sit between you and the server: ask its owner for the fingerprint of the new key." \
      "To forget the old key: ssh-keygen -R $(quoted "$(host_of_remote)")" \
      "To see the new one, and accept it if it is right: $here fetch $(quoted "$REMOTE")" ;;
    key-unknown) problem "$EXIT_OFFLINE" warn "The host key of $name is not known on this machine ($text)." "$waiting" \
      "Compare the fingerprint that ssh shows, and accept it by hand: $here fetch $(quoted "$REMOTE")" ;;
    sign-on) problem "$EXIT_OFFLINE" warn "$name wants its single sign-on for your key or token ($text)." "$waiting" \
      "Authorize the key or token for the organization, on its web page. $again" ;;
    certificate) problem "$EXIT_OFFLINE" warn "The certificate of $name is not accepted ($text)." "$waiting" \
      "The server's owner renews it; an authority of your own is named by git's setting http.sslCAInfo. $again" ;;
    ownership) problem "$EXIT_OFFLINE" warn "git does not trust the folder of $name: it belongs to another user ($text)." "$waiting" \
      "If that is right: git config --global --add safe.directory $(quoted "$(folder_of_remote)")" "$again" ;;
    address)
      url=$(git -C "$TOP" remote get-url "$REMOTE" 2>/dev/null) || url=''
      problem "$EXIT_OFFLINE" error "The address of $name leads to no repository that you may see ($text)." "$waiting" \
        "The address is $(visible "$url"). Where the repository has moved, git's remote set-url names the new one. $again"
      ;;
    archived) problem "$EXIT_REFUSED" warn "$name is archived and takes no push ($text)." "$waiting" \
      "Its owner opens it again there. $again" ;;
    right) problem "$EXIT_REFUSED" warn "You have no right to push to $name ($text)." "$waiting" \
      "Ask its owner for the right to write, or log in as somebody who has it. $again" ;;
    protected) problem "$EXIT_REFUSED" warn "$name takes no direct push to $(visible "$BRANCH"): the branch is protected ($text)." "$waiting" \
      "Its owner may let you push there. Until then a pull request brings it: $here push $(quoted "$REMOTE") $(quoted "HEAD:refs/heads/$(branch_of_machine)")" ;;
    push-option) problem "$EXIT_REFUSED" warn "$name takes no push options, and git's setting push.pushOption asks for some ($text)." "$waiting" \
      "Where it is set: $here config --show-origin --get-all push.pushOption" "$again" ;;
    shallow) problem "$EXIT_REFUSED" warn "This clone is shallow, and $name takes no push from it ($text)." "$waiting" \
      "Fetch the rest of the history: $here fetch --unshallow $(quoted "$REMOTE")" "$again" ;;
    space) problem "$EXIT_REFUSED" warn "$name has no space left for the push ($text)." "$waiting" "Its owner makes room there. $again" ;;
    *) report_out_of_reach "$text" "$waiting" ;;
  esac
}

# report_out_of_reach TEXT WAITING: nobody has to do anything.
report_out_of_reach() {
  local since
  case $2 in
    No*) problem "$EXIT_OFFLINE" ok "$2 $(visible "$REMOTE") cannot be reached ($1)." ;;
    *)
      since=$(git -C "$TOP" log --reverse --format=%cd --date=format:'%a %H:%M' "$HEAD_OID" ${SEEN:+"^$SEEN"} 2>/dev/null | head -n 1)
      problem "$EXIT_OFFLINE" ok "Saved here. $(visible "$REMOTE") cannot be reached ($1)." \
        "${2% not sent yet.}, the first of ${since:-today}, not sent yet. The next sync that reaches it sends them."
      ;;
  esac
}

# settle_push_answer: 0 when what the remote said concerns the whole push, and was reported: what comes in is received all
# the same, and TIP stays here on top of it. 1 when it may mean a single commit; else an exit code.
settle_push_answer() {
  local answer url back
  answer=$(words_of_failure "$WORK/push-error")
  if [ -n "$answer" ]; then
    report_answer "${answer%%$'\n'*}" "${answer#*$'\n'}" "$(waiting_words)"
  else
    # It was fetched from a moment ago: only the address for pushes can be wrong.
    case $(<"$WORK/push-error") in *'does not appear to be a git repository'*) ;; *) return 1 ;; esac
    url=$(git -C "$TOP" remote get-url --push "$REMOTE" 2>/dev/null)
    problem "$EXIT_REFUSED" warn "The push address of $(visible "$REMOTE") is no repository: $(visible "$url")." "$(waiting_words)" \
      "It is set apart from the address that is fetched from. To push to that one: $(git_here) config --unset-all $(quoted "remote.$REMOTE.pushurl")" \
      "Then: $(sync_command)"
  fi
  [ -n "$SEEN" ] && [ "$TIP" != "$HEAD_OID" ] || return 0
  back=$(git -C "$TOP" rev-list --reverse "$TIP" "^$SEEN") || return "$EXIT_INTERNAL"
  # shellcheck disable=SC2086
  keep_pair "$SEEN" $back
}

# waiting_words: how much has not been sent, for a message about the remote.
waiting_words() {
  local waiting
  waiting=$(git -C "$TOP" rev-list --count "$HEAD_OID" ${SEEN:+"^$SEEN"} 2>/dev/null) || waiting=0
  if [ "$waiting" = 0 ]; then printf 'No commit of yours waits.'; else printf 'Your work is committed here, %s not sent yet.' "$(count_of "$waiting" commit)"; fi
}

# host_of_remote: the host as known_hosts has it, with the port where it is not ssh's own.
host_of_remote() {
  local url host port=''
  url=$(git -C "$TOP" remote get-url "$REMOTE" 2>/dev/null)
  case $url in
    *://*)
      host=${url#*://} host=${host%%/*} host=${host##*@}
      case $host in *:*) port=${host##*:} host=${host%:*} ;; esac
      ;;
    *) host=${url%%:*} host=${host##*@} ;;
  esac
  if [ -n "$port" ] && [ "$port" != 22 ]; then printf '[%s]:%s' "$host" "$port"; else printf '%s' "$host"; fi
}

# folder_of_remote: the folder of a remote on this machine.
folder_of_remote() {
  local url
  url=$(git -C "$TOP" remote get-url "$REMOTE" 2>/dev/null)
  url=${url#file://}
  (cd "$TOP" && cd "$url" 2>/dev/null && pwd -P) || printf '%s' "$url"
}

# branch_of_machine: a branch on the remote for work of this machine that cannot go to the synced one.
branch_of_machine() {
  local machine=${ID_MACHINE:-this-machine}
  printf '%s-%s' "${machine//[!A-Za-z0-9_-]/-}" "$BRANCH"
}
