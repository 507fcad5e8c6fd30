"""What is asked of one plan again and again is worked out once."""

from __future__ import annotations

from batch.core.last import of_the_last


def test_the_same_is_worked_out_once_and_another_anew() -> None:
    """Equal is not the same."""
    asked: list[list[int]] = []

    @of_the_last
    def total(numbers: list[int]) -> int:
        """The sum."""
        asked.append(numbers)
        return sum(numbers)

    one, alike = [1, 2], [1, 2]
    assert [total(one), total(one), total(alike), total(one)] == [3, 3, 3, 3]
    assert [id(numbers) for numbers in asked] == [id(one), id(alike), id(one)]
    assert total.__doc__ == "The sum."
