"""From parameter sets to runs: checked values, what is due and why, one run in a process of its own, the order of all."""
