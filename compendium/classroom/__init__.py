"""Assignments: variants, release, grading, feedback."""
