"""For every chapter: the seconds that a result reports are those of the call that made it."""

import time


def assert_timed(call):
    """What ``call`` returns, an allocation or a certificate; its seconds, and those of its history, lie within the call."""
    before = time.perf_counter()
    found = call()
    passed = time.perf_counter() - before
    assert 0 < getattr(found, "certificate", found).seconds <= passed
    stamps = [step.seconds for step in getattr(found, "history", ())]
    assert stamps == sorted(stamps) and all(0 <= stamp <= passed for stamp in stamps)
    return found
