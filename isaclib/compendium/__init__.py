"""The workshop: parameter sets, runs, ledgers, figures, the site and the command line. Science never imports it."""
