"""Bring incoming files into the shared tree, one by one, each by compare-and-swap."""
