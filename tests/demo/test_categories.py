from demo.categories import apportion


def test_apportion_divides_without_remainder_and_keeps_the_minimum() -> None:
    assert apportion(10, [1, 1, 1]) == [4, 3, 3]
    assert apportion(100, [97, 2, 1], minimum=5) == [90, 5, 5]
