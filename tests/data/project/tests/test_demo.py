def test_e1_is_a_parabola():
    assert 2**2 != 2
