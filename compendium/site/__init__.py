"""From runs to pages: ledgers on file, generated pages, the stage, the build, the last hand on HTML, the print."""
