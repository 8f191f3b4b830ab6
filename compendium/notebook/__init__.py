"""What a notebook says: figures, tables, claims, explorers, timings, and the run it belongs to."""
