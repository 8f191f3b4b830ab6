"""A built book as a reader's browser sees it: links, pages, accessibility."""
