/*
 * "advance": the shared tree, its index and its branch go from OLD to NEW while others write, and sync may die at any step.
 *
 * Checked:
 *   - no write is lost: it ends in the tree, carried over from the kept old inode where it came late;
 *   - no commit takes upstream's work back, and none of ours contains a part of it as if it were ours;
 *   - once a file holds NEW, nobody takes OLD for the tree's base: the branch holds NEW or the journal says so;
 *   - in the end the journal is gone.
 * The world: one sync that is killed up to CRASHES times between two steps and then runs again; one writer that writes
 * WRITES times, in place into a file opened before, by temp file and rename, or putting the old text back; one person who
 * commits COMMITS times without knowing of us. A file's content is a set of bits: upstream's change, and a token for each
 * write; merges never conflict (a true conflict stops an advance before anything is written).
 *
 * Excused is what a writer itself replaces unread: an editor that saves a stale buffer undoes whatever came meanwhile.
 */

#ifndef WRITES
#define WRITES 1
#endif
#ifndef COMMITS
#define COMMITS 1
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

#define FILES 2
#define UPSTREAM 1
#define TOKEN(n) (2 << (n))

/* Three-way merge of bits: what `theirs` changed against `base`, done to `ours`. */
#define MERGE(base, theirs, ours) (((ours) & ~((base) & ~(theirs))) | ((theirs) & ~(base)))

/* ---- inodes: of each file the original, what sync prepares, and the writer's temp files ---- */

#define KEPT (1 + WRITES)           /* a write causes at most one more exchange */
#define INODES (1 + KEPT + WRITES)
#define ORIGINAL 0
#define PREPARED(k) (1 + (k))
#define TEMP(n) (1 + KEPT + (n))

byte content[FILES * INODES];
#define TEXT(f, inode) content[(f) * INODES + (inode)]

byte tree[FILES];                   /* the inode at the path */
#define IN_TREE(f) TEXT(f, tree[f])

/* ---- the state folder: survives a crash ---- */

/* Slot k of a file holds the inode prepared for its exchange, afterwards the one that was in the tree. Slot 0 is the
   advance's own; later ones carry late writes over. */
byte slots[FILES];
byte slot[FILES * KEPT];
byte used[FILES * KEPT];            /* the text that the prepared inode already contains: what differs from it came late */
#define SLOT(f, k) slot[(f) * KEPT + (k)]
#define USED(f, k) used[(f) * KEPT + (k)]
#define SWAPPED(f, k) (SLOT(f, k) != PREPARED(k))

bit  journal;                       /* its presence says: the tree's base is NEW */
byte expected;                      /* the branch as the journal saw it */
byte target[FILES];                 /* what the branch shall hold: those commits replayed on NEW */
#ifdef INDEX_KEEPS_STAGED
byte base[FILES];                   /* what the tree stood on when the journal was written */
#endif

/* ---- git ---- */

bit  index_lock;
byte index[FILES];
byte head[FILES];
byte head_id = 1;                   /* a different number for each commit */
bit  head_has_upstream;             /* NEW is an ancestor */

/* ---- bookkeeping of the checks ---- */

byte written[FILES];
byte excused[FILES];
bit  put_back[FILES];
bit  writer_done, person_done, settled;
byte crashes;

#define STEP(action) \
  if \
  :: atomic { action } \
  :: atomic { crashes < CRASHES -> crashes++; goto again } \
  fi

#define EACH_FILE(action) f = 0; do :: f < FILES -> action; f++ :: else -> f = 0; break od

/* Reads the tree and lays the merged text into a new slot: private, so the moment of reading is all that others can meet. */
#define PREPARE(f, text) \
  assert(slots[f] < KEPT); \
  USED(f, slots[f]) = IN_TREE(f); \
  TEXT(f, PREPARED(slots[f])) = text; \
  SLOT(f, slots[f]) = PREPARED(slots[f]); \
  ASIDE(f); \
  slots[f]++

#ifdef RENAME_OVER
byte aside[FILES];                  /* a hard link, made when the file was read: keeps late writes to that inode */
#define ASIDE(f) aside[f] = tree[f]
#define UNCHANGED(f, k) (tree[f] == aside[f] && IN_TREE(f) == USED(f, k))
#define EXCHANGE(f, k) \
  STEP(if \
    :: UNCHANGED(f, k) \
    :: else -> \
      TEXT(f, PREPARED(k)) = MERGE(USED(f, k), TEXT(f, PREPARED(k)), IN_TREE(f)); \
      USED(f, k) = IN_TREE(f); \
      ASIDE(f) \
    fi); \
  STEP(SLOT(f, k) = aside[f]; tree[f] = PREPARED(k))
#else
#define ASIDE(f) skip
/* Whatever is in the tree at this instant lands in the slot: no window, so no test before it. */
#define EXCHANGE(f, k) STEP(inode = tree[f]; tree[f] = SLOT(f, k); SLOT(f, k) = inode)
#endif

/* Sync's commit: the change is the tree minus its base, laid onto HEAD. The base is HEAD, or NEW while the journal stands. */
#define BASE(f) (journal -> UPSTREAM : head[f])
#define OURS(f) MERGE(BASE(f), IN_TREE(f), head[f])
#define SNAPSHOT \
  STEP(EACH_FILE( \
    assert((head[f] & ~(OURS(f) | excused[f])) == 0);      /* it takes nothing back */ \
    assert(!(OURS(f) & UPSTREAM) || (head[f] & UPSTREAM))) /* and holds nothing of NEW as ours */ \
  )

/* The tree's text with what came late into slot k. */
#define WITH_LATE(f, k, text) MERGE(USED(f, k), text, IN_TREE(f))

proctype Sync() {
  byte f, k, text, inode;
  bit quiet, lost;

again:
  atomic { f = 0; k = 0; text = 0; inode = 0; lost = 0 };
  /* Prepared but never exchanged: of no use, except the advance's own while its journal stands. */
  STEP(EACH_FILE(
    if
    :: slots[f] > 0 && !SWAPPED(f, slots[f] - 1) && !(journal && slots[f] == 1) -> slots[f]--
    :: else
    fi));
  if :: journal -> goto swap :: else fi;

round:
  quiet = writer_done && person_done;
#ifdef SNAPSHOT_BEFORE_LATE_PASS
  SNAPSHOT;
#endif
  /* Before the snapshot: until a late write is back in the tree, the tree looks as if somebody had removed it. */
#ifndef NO_LATE_PASS
  do
  :: f == FILES -> atomic { f = 0; break }
  :: f < FILES && k == slots[f] -> atomic { f++; k = 0 }
  :: f < FILES && k < slots[f] && TEXT(f, SLOT(f, k)) == USED(f, k) -> k++
  :: f < FILES && k < slots[f] && TEXT(f, SLOT(f, k)) != USED(f, k) ->
    STEP(
      text = TEXT(f, SLOT(f, k));
      if
      :: WITH_LATE(f, k, text) == IN_TREE(f) -> goto carried
      :: else -> PREPARE(f, WITH_LATE(f, k, text))
      fi);
    EXCHANGE(f, slots[f] - 1);
#ifdef CARRIED_NOT_KEPT
    STEP(if :: TEXT(f, SLOT(f, slots[f] - 1)) == USED(f, slots[f] - 1) -> slots[f]-- :: else fi);
#endif
carried:
    STEP(USED(f, k) = text; text = 0)
  od;
#endif
#ifndef SNAPSHOT_BEFORE_LATE_PASS
  SNAPSHOT;
#endif

  if
  :: head_has_upstream && !journal && quiet -> goto check
  :: head_has_upstream && !journal && !quiet -> goto round
  :: !head_has_upstream && !journal ->
    STEP(PREPARE(0, IN_TREE(0) | UPSTREAM));
    STEP(PREPARE(1, IN_TREE(1) | UPSTREAM))
  :: journal
  fi;
  /* One rename makes the journal, or replaces the one of the round before. */
  STEP(
#ifdef INDEX_KEEPS_STAGED
    EACH_FILE(base[f] = BASE(f));
#endif
#ifndef NO_JOURNAL
    journal = 1;
#endif
#ifdef EXPECTED_ONCE
    if :: expected == 0 -> expected = head_id :: else fi;
#else
    expected = head_id;
#endif
    EACH_FILE(target[f] = head[f] | UPSTREAM));
#ifdef REF_FIRST
  STEP(if
    :: head_id == expected -> EACH_FILE(head[f] = target[f]); head_id++; head_has_upstream = 1
    :: else -> goto round
    fi);
#endif

swap:
  do
  :: f < FILES ->
#ifdef BY_CONTENT
    if
    :: IN_TREE(f) & UPSTREAM
    :: else ->
      STEP(if :: slots[f] > 0 && !SWAPPED(f, slots[f] - 1) :: else -> PREPARE(f, IN_TREE(f) | UPSTREAM) fi);
      EXCHANGE(f, slots[f] - 1)
    fi;
#else
    if
    :: !SWAPPED(f, 0) -> EXCHANGE(f, 0)
    :: else
    fi;
#endif
    f++
  :: else -> f = 0; break
  od;

  /* The branch has moved already: a run that died before its last step. */
  if
  :: head_has_upstream ->
#ifdef REF_FIRST
    STEP(!index_lock -> EACH_FILE(index[f] = target[f]));
#endif
    goto remove_journal
  :: else
  fi;

  /* Whoever commits holds index.lock until the branch has moved. So a commit is either wholly before this step, and seen
     here, or starts from an index that holds NEW. */
  STEP(
    !index_lock ->
#if defined(INDEX_BLIND)
    EACH_FILE(index[f] = target[f])
#elif defined(INDEX_KEEPS_STAGED)
    EACH_FILE(if :: index[f] == base[f] -> index[f] = target[f] :: else fi)
#else
    if :: head_id == expected -> EACH_FILE(index[f] = target[f]) :: else -> lost = 1 fi
#endif
  );
  STEP(if
    :: !lost && head_id == expected -> EACH_FILE(head[f] = target[f]); head_id++; head_has_upstream = 1
    :: else -> lost = 1
    fi);
  if
  :: lost ->
    lost = 0;
#ifdef ROLL_BACK
    STEP(EACH_FILE(IN_TREE(f) = IN_TREE(f) & ~UPSTREAM; slots[f] = 0; index[f] = head[f]); journal = 0);
    goto again
#else
    goto round                  /* the tree stays on NEW, and the journal says so */
#endif
  :: else
  fi;

remove_journal:
  STEP(journal = 0; goto round);

check:
  atomic {
    EACH_FILE(
      assert((written[f] & ~(IN_TREE(f) | excused[f])) == 0);
      assert(!put_back[f] || !(IN_TREE(f) & UPSTREAM));
      assert((IN_TREE(f) & UPSTREAM) || (excused[f] & UPSTREAM)));
    assert(!journal && head_has_upstream);
    settled = 1
  }
}

#define RENAME_OVER_TREE(text) \
  excused[f] = excused[f] | (IN_TREE(f) & ~(text)); \
  TEXT(f, TEMP(n)) = text; \
  tree[f] = TEMP(n)

/* Opens a file, and saves later: into the inode it opened, or over the name. */
proctype Writer() {
  byte f, n, inode, seen;

  do
  :: n < WRITES ->
    atomic {
      if :: f = 0 :: f = 1 fi;
      inode = tree[f];
      seen = TEXT(f, inode)
    };
    if
    :: atomic { TEXT(f, inode) = TEXT(f, inode) | TOKEN(n); written[f] = written[f] | TOKEN(n) }
    :: atomic { RENAME_OVER_TREE(seen | TOKEN(n)); written[f] = written[f] | TOKEN(n) }
    :: atomic { (seen & UPSTREAM) -> RENAME_OVER_TREE(seen & ~UPSTREAM); put_back[f] = 1 }
    :: skip
    fi;
    n++
  :: else -> break
  od;
  writer_done = 1
}

/* git commit, with -a or of the index as it is. */
proctype Person() {
  byte f, n, parent;
  byte staged[FILES];
  bit all;

  do
  :: n < COMMITS ->
    atomic {
      !index_lock -> index_lock = 1;
      parent = head_id;
      if
      :: all = 1; EACH_FILE(staged[f] = IN_TREE(f))
      :: all = 0; EACH_FILE(staged[f] = index[f])
      fi
    };
    atomic {
      if
      :: head_id == parent && !(staged[0] == head[0] && staged[1] == head[1]) ->
        EACH_FILE(
          /* With -a a token may be missing that the late pass has still to carry over. */
          assert((head[f] & ~(staged[f] | excused[f]) & (all -> UPSTREAM : 255)) == 0);
          head[f] = staged[f];
          index[f] = staged[f]);
        head_id++
      :: else
      fi;
      index_lock = 0; all = 0; parent = 0; staged[0] = 0; staged[1] = 0
    };
    n++
  :: else -> break
  od;
  person_done = 1
}

/* The tree's base is never taken for OLD once a file holds NEW. WITHOUT_WATCH, what follows from it has to be found. */
proctype Watch() {
end:
  atomic {
    ((IN_TREE(0) | IN_TREE(1)) & UPSTREAM) && !(journal || head_has_upstream) -> assert(false)
  }
}

init {
  atomic {
    run Sync(); run Writer(); run Person();
#ifndef WITHOUT_WATCH
    run Watch()
#endif
  }
}

ltl journal_is_gone { <> settled }
