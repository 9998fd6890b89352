"""Sessions of coding agents: who works in this tree, and whose each change is.

who works here       registry, and ancestry for the process; show, transcript, recover tell of them
what a client calls  hook; event is what adapters/ read and events/ answer
what it is told      newcomer and news when it starts, aware when it changes something
what a tool did      tools; changes of an editing tool; calls under way
what a command did   windows, from one look (status, sight) to the next; shell_words, reach and harmless read it
what it must not do  guards; points keeps the tree as it was
without hooks        record for other agents, running around any program; unhooked has lost them
what is kept         ledger
what is saved        positions in commits, saved for hooks, recent and unsaved for the rest
whose it is          evidence, all of it; explain, meanwhile and chain put it in order; weave and owners tell
what goes together   moves, listing, asking
one commit each      split, by the rules of plan; left_out by the gates; objects for speed
what was taken out   lost, brought back by putback; gone, which is only said
what people decide   command; decide: claim, undo, restore; exchange changes the files
"""
