/*
 * The queue of waiting syncs (scripts/lib/queue.sh), above the lock, which is exclusive here by assumption (lock.pml).
 *
 * Each process writes its file, then asks for a sync. It takes the lock when it is free, or queues a request and then
 * waits for its answer or for the lock, whichever comes first. A leader takes requests, reads the tree, commits, pushes,
 * answers, and clears the queue; it may be killed between any two steps, and its lock then falls to the next one.
 * A killed process starts again: its user calls sync once more.
 *
 * Asserted: who is told "pushed" has its file on the remote; what it is told of is the one commit that brought it, no
 * matter how often it was served. With weak fairness: everybody is told.
 */

#ifndef PROCS
#define PROCS 3
#endif
#ifndef KILLS
#define KILLS 2
#endif

#define BIT(i) (1 << (i))
#define NOBODY 255

byte owner = NOBODY;  /* of the lock */
byte written;         /* bit i: process i's file is in the tree */
byte head;            /* bit i: ... is in the branch */
byte remote;          /* bit i: ... is on the remote */
byte commit[PROCS];   /* the number of the commit that brought it */
byte commits;
byte queued;          /* bit i: a request of i lies in the queue */
byte answered;        /* bit i: an answer for i lies there */
byte named[PROCS];    /* the commit that the first answer meant */
byte kills = KILLS;
byte finished;

/* Serving twice gives the same answer. */
#define NAME(i) \
  if \
  :: named[i] == 0 -> named[i] = commit[i] \
  :: else -> assert(named[i] == commit[i]) \
  fi

/* A step, or a kill in its place. */
#define STEP(action) \
  if \
  :: atomic { action } \
  :: atomic { kills > 0 -> kills--; goto killed } \
  fi

proctype Process(byte me) {
  byte taken, snapshot, i;
  bool waiting;

born:
  atomic { waiting = false; taken = 0; snapshot = 0 }
  STEP(written = written | BIT(me));
try:
  STEP(
    if
    :: owner == NOBODY -> owner = me
    :: else
    fi);
  if
  :: owner == me -> goto lead
  :: else
  fi;
  if
  :: !waiting -> waiting = true; STEP(queued = queued | BIT(me))
  :: else
  fi;

#ifdef WAITS_FOR_THE_ANSWER_ALONE
  STEP((answered & BIT(me)) -> skip);
#else
  STEP((answered & BIT(me)) || owner == NOBODY -> skip);
#endif
  if
  :: answered & BIT(me) -> goto told
  :: else -> goto try
  fi;

lead:
#ifdef READS_THE_TREE_FIRST
  STEP(snapshot = written);
#endif
  STEP(taken = queued | BIT(me));
#ifndef READS_THE_TREE_FIRST
  STEP(snapshot = written);
#endif
#ifdef CLEARS_FIRST
  STEP(queued = queued & ~taken);
#endif
  /* One commit with what the branch has not: what is in it already is not committed again. */
  STEP(
#ifndef COMMITS_AGAIN
    snapshot = snapshot & ~head;
#endif
    if
    :: snapshot != 0 ->
      commits++;
      for (i : 0 .. PROCS - 1) {
        if
        :: snapshot & BIT(i) -> commit[i] = commits
        :: else
        fi
      }
      head = head | snapshot
    :: else
    fi);
#ifdef ANSWERS_BEFORE_THE_PUSH
  STEP(answered = answered | (taken & ~BIT(me)));
#endif
  STEP(remote = head);
#ifdef ANSWERS_WHO_CAME_LATER
  STEP(taken = queued | BIT(me));
#endif
#ifndef ANSWERS_BEFORE_THE_PUSH
  /* One answer after the other. */
  i = 0;
  do
  :: i < PROCS ->
    STEP(
      if
      :: i != me && (taken & BIT(i)) -> answered = answered | BIT(i); NAME(i)
      :: else
      fi);
    i++
  :: else -> break
  od;
#endif
#ifndef CLEARS_FIRST
  STEP(queued = queued & ~taken);
#endif
  atomic { answered = answered & ~BIT(me); owner = NOBODY; }

told:
  atomic {
    assert(remote & BIT(me));
    NAME(me);
    queued = queued & ~BIT(me);
    answered = answered & ~BIT(me);
    finished++;
    goto ended
  };

killed:
  /* Its lock is cleared when it is proved dead; its request stays, its answer waits for nobody. */
  atomic {
    if
    :: owner == me -> owner = NOBODY
    :: else
    fi;
    answered = answered & ~BIT(me);
    goto born
  };

ended:
  skip
}

init {
  byte me;
  atomic {
    for (me : 0 .. PROCS - 1) { run Process(me) }
  }
}

ltl everybody_is_told { <> (finished == PROCS) }
