"""One module for each notebook, of its name: what it computes and draws, and nothing else does."""
