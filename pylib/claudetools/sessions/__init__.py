"""Sessions of coding agents: who works in this tree, and whose each change is."""
