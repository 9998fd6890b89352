/*
 * The lock of claudetools, step by step, with its broken variants as mutants.
 *
 * Checked: never two writers (a killed owner's child that still writes counts as one), and everybody finishes.
 * The world: PROCS processes; each takes the lock once. Up to KILLS times a process is killed between two of its steps,
 * either with the program it has just started, or alone, so that the program finishes its work as an orphan. Its pid is
 * then given to a new process. Up to PROGRAM_KILLS times a program dies while its shell goes on.
 *
 * Without flags this is the protocol. Each flag below breaks one of its decisions; run.sh lists them, and what must be
 * found.
 * A daemon that a hook or a credential helper leaves behind is no child here: it never has R.alive open.
 * Left out: network file systems (a directory operation is one step here), reboots, claims being swept, nested locks.
 */

#ifndef PROCS
#define PROCS 2
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef PROGRAM_KILLS
#define PROGRAM_KILLS 1
#endif

/* ---- the directory L ---- */

bit  dir;                /* L exists */
byte owner;              /* the token that L/owner is linked to, 0 when there is no L/owner */
byte guard;              /* the token that holds claudetools/reclaim.guard, 0 when free */

/* ---- the processes, one slot for each pid ---- */

byte life[PROCS];        /* which process has the pid: the start time in the record tells them apart */
bit  shell[PROCS];       /* the process itself lives */
bit  running[PROCS];     /* it or a child of it lives, so somebody has R.alive open */
bit  seen_by_scan[PROCS]; /* a search through /proc would find that child */

byte kills, program_kills, finished;
byte writers;            /* who pushes or moves refs at this moment */

/* A process claims once, so its life names its token: never used twice, even when the pid is. */
#define LIVES (KILLS + 1)
#ifdef OWNER_IS_PID
#define TOKEN(pid)   ((pid) + 1)
#define PID(token)   ((token) - 1)
#define SAME_START(token) true
#else
#define TOKEN(pid)   (1 + (pid) * LIVES + life[pid])
#define PID(token)   (((token) - 1) / LIVES)
#define SAME_START(token) (life[PID(token)] == ((token) - 1) % LIVES)
#endif

/* The verdict, first half: the pid is gone, or belongs to a process that started at another time. */
#define PID_GONE(token) (!(shell[PID(token)] && SAME_START(token)))

/* Second half: whether something of the dead owner still runs. The beacon asks the kernel, which forgets no child. */
#if defined(VERDICT_PID_ONLY)
#define CHILD_RUNS(token) false
#elif defined(VERDICT_SCAN)
#define CHILD_RUNS(token) (running[PID(token)] && SAME_START(token) && seen_by_scan[PID(token)])
#else
#define CHILD_RUNS(token) (running[PID(token)] && SAME_START(token))
#endif

/* ---- who can die where ---- */

/* What the kernel does when a program ends: its writing stops, its kernel lock is free. A guard made by mkdir stays. */
#ifdef GUARD_MKDIR
#define GUARD_FALLS skip
#else
#define GUARD_FALLS if :: guard == token -> guard = 0 :: else fi
#endif
#define PROGRAM_ENDS writers = writers - writing; writing = 0; GUARD_FALLS

#define MAY_DIE (kills < KILLS && shell[me]) -> kills++

#ifdef VERDICT_SCAN
#define CHOOSE_VISIBLE if :: seen_by_scan[me] = 1 :: seen_by_scan[me] = 0 fi
#else
#define CHOOSE_VISIBLE skip
#endif

/* One step of the shell itself. */
#define SHELL(action) \
  if \
  :: atomic { action } \
  :: atomic { MAY_DIE; goto killed } \
  fi

/* One step of a program that the shell waits for. Three deaths: both; the shell alone (the program goes on with this
   very step, later); the program alone, before it did anything, which ends at `gone`. */
#define STEP(action, gone) \
  do \
  :: atomic { action; break } \
  :: atomic { MAY_DIE; goto killed } \
  :: atomic { MAY_DIE; shell[me] = 0; CHOOSE_VISIBLE } \
  :: atomic { program_kills < PROGRAM_KILLS -> program_kills++; PROGRAM_ENDS; gone } \
  od

/* The program is done; if the shell died meanwhile, nobody reads its status and nothing follows. */
#define RETURN if :: shell[me] :: else -> goto killed fi

/* mkdir, ln, rm, rmdir: programs of one step, whose exit status decides nothing. */
#define PROGRAM(action) STEP(action; RETURN, RETURN; break)

/* The Python helper: several steps, and the shell tries again whatever became of it. */
#define HELPER(action) STEP(action, goto helper_ended)

/* ---- reclaim: `seen` was judged dead, now take its L/owner away ---- */

#define TAKE_GUARD HELPER(guard == 0 -> guard = token)
#define DROP_GUARD HELPER(if :: guard == token -> guard = 0 :: else fi)
#define REMOVE_ALL owner = 0; dir = 0

#define JUDGE \
  HELPER(if :: seen != 0 && PID_GONE(seen) :: else -> goto unlock fi); \
  HELPER(if :: CHILD_RUNS(seen) -> goto unlock :: else fi)

proctype Process(byte me) {
  byte token, seen, found;
  bit record;             /* R exists */
  bit writing, twice;

born:
  atomic { shell[me] = 1; running[me] = 1; seen_by_scan[me] = 1; token = TOKEN(me) }
  /* prepare: nobody knows this claim before it is linked, so creating R and opening R.alive are one step to the others */
  SHELL(record = 1);

acquire:
#ifdef MKDIR_DECIDES
  STEP(if :: !dir -> dir = 1; found = 1 :: else -> found = 0 fi; RETURN, RETURN; goto acquire);
  if
  :: found -> found = 0; PROGRAM(if :: dir -> owner = token :: else fi); goto ours
  :: else
  fi;
#else
  PROGRAM(dir = 1);
  PROGRAM(if :: dir && record && owner == 0 -> owner = token :: else fi);
  SHELL(if :: owner == token -> goto ours :: else fi);
#endif

  HELPER(seen = owner);
#ifdef GRACE_PERIOD
  if :: seen == 0 -> goto clear_ownerless :: else fi;
#endif
  JUDGE;

#if defined(RECLAIM_NAIVE)
  HELPER(REMOVE_ALL);
#elif defined(RECLAIM_REVERIFY)
  HELPER(if :: owner != seen -> goto unlock :: else fi);
  HELPER(REMOVE_ALL);
#elif defined(RECLAIM_ASIDE)
  HELPER(found = owner; REMOVE_ALL);
  HELPER(if :: found != seen && !dir -> dir = 1; owner = found :: else fi);
#elif defined(RECLAIM_PROBE_LAST)
  TAKE_GUARD;
  HELPER(seen = owner);
  JUDGE;
  HELPER(owner = 0);
#else
#if defined(BREAK_UNGUARDED)
  if :: TAKE_GUARD :: skip fi;
#elif defined(GUARD_DEAD_CHECK)
guard_again:
  HELPER(if :: guard == 0 -> guard = token; goto guarded :: else -> found = guard fi);
  HELPER(if :: PID_GONE(found) && !CHILD_RUNS(found) :: else -> goto guard_again fi);
  HELPER(guard = 0);
  goto guard_again;
guarded:
#else
  TAKE_GUARD;
#endif
  /* Dead stays dead and a token has one owner: whoever still reads `seen` here knows that nobody but a holder of the
     guard can touch L/owner until it is gone. So the unlink, which goes by path, hits the dead one. */
  HELPER(found = owner);
  HELPER(if :: found == seen -> owner = 0 :: else fi);
#endif

unlock:
  DROP_GUARD;
helper_ended:
  atomic { seen = 0; found = 0; RETURN; goto acquire };

#ifdef GRACE_PERIOD
clear_ownerless:
  TAKE_GUARD;
  HELPER(if :: dir && owner == 0 -> dir = 0 :: else fi);
  goto unlock;
#endif

ours:
  /* verify, before every push and every ref move */
  SHELL(
#ifndef MUTANT            /* a mutant has to show two writers, not only a lock that its owner finds lost */
    assert(owner == token);
#endif
    if :: owner == token :: else -> goto release fi);
  STEP(writers++; writing = 1; assert(writers == 1), RETURN; break);
  PROGRAM(writers = writers - writing; writing = 0);

release:
#ifdef RELEASE_CLOSES_BEACON
  SHELL(running[me] = 0);
#endif
#ifndef RELEASE_BLIND
  SHELL(if :: owner == token && record :: else -> goto released fi);
#endif
  PROGRAM(owner = 0);
  PROGRAM(record = 0);
  PROGRAM(if :: owner == 0 -> dir = 0 :: else fi);
  /* A trap on EXIT runs release once more, at any later time. */
  if
  :: !twice -> twice = 1; goto release
  :: skip
  fi;

released:
  atomic { shell[me] = 0; running[me] = 0; finished++; goto ended };

killed:
  atomic { PROGRAM_ENDS; shell[me] = 0; running[me] = 0; seen = 0; found = 0; record = 0; twice = 0 };
  /* A step of its own: between death and the reuse of the pid others look, and see nobody. */
  atomic { life[me]++; goto born };

ended:
}

init {
  byte me;
  atomic {
    for (me : 0 .. PROCS - 1) { run Process(me) }
    me = 0
  }
}

ltl everybody_finishes { <> (finished == PROCS) }
