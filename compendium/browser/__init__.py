"""A local server and a headless browser, for the audit, the print and the tests."""
