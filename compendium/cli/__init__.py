"""The command line ``isac``, and the terminal."""
