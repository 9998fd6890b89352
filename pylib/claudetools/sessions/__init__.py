"""Sessions of coding agents: who works in this tree, what each has changed, and one commit for each.

who works here       registry; show, transcript and recover tell of them
what a client calls  hook; event is what adapters/ read and events/ answer
what it is told      news when it starts, aware when it changes something, overwrite before it writes a whole file
what a tool did      tools; calls under way; background for those that go on
what a command did   windows, from one look (status) to the next; points keeps the tree as it was
without hooks        record for other agents; unhooked has lost them
what is kept         ledger
what is saved        positions in commits, saved for hooks, recent and unsaved for the rest
whose it is          evidence, all of it; meanwhile puts it in order; owners of a path
what goes together   moves, asking
one commit each      split, by the rules of plan
what was taken out   brought back by putback; gone, which is only said
what people decide   command; claim; exchange for undo and restore
"""
