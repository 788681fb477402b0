"""What yaml files write about values, and what is answered to values that don't fit."""

import math

import pytest

from mtl.config.notation import rule_of
from mtl.errors import UserError


@pytest.mark.parametrize(
    ("written", "fine", "wrong", "said"),
    [
        ("0..1", [0, 0.5, 1], [-1e-9, 1.1], "must be at least 0 and at most 1"),
        ("0<..<1", [0.1, 1e-9], [0, 1], "must be greater than 0 and less than 1"),
        ("0..<1", [0, 0.99], [1, -1], "must be at least 0 and less than 1"),
        ("..-0.5", [-0.5, -9], [0], "must be at most -0.5"),
        ("1e-6..", [1e-6], [0], "must be at least 1e-06"),
        ("0<..", [1], [math.inf, math.nan], "must be finite"),
        ("0<..", [1], ["a", True, None, [1]], "must be a number greater than 0"),
        ("number", [-1e9, 3], ["a"], "must be a number"),
        ("whole", [-3], [1.5], "must be a whole number"),
        ("whole 3..", [3], [3.0, "3"], "must be a whole number at least 3"),
        ("whole -1..", [-1], [-2], "must be at least -1"),
        ("whole 2007..2012", [2007, 2012], [2013], "must be at least 2007 and at most 2012"),
        ("null | whole 1..", [None, 1], [0, "a"], "must be null or a whole number at least 1"),
        ("whole 0.. | auto", [0, "auto"], [-1], "must be auto or a whole number at least 0"),
        ("avg | max", ["avg", "max"], ["min", 1], "must be one of avg, max"),
        ("1 | 2", [1, 2], [3, "1", True], "must be one of 1, 2"),
        ("true | false | warn", [True, False, "warn"], [1], "must be one of true, false, warn"),
        ("true | false | null", [None, True], [0], "must be one of true, false, null"),
        ("32-true | bf16-mixed", ["32-true"], [32], "must be one of 32-true, bf16-mixed"),
        ("text", ["a"], ["", 1, None], "must be text"),
        ("null | text", ["a", None], [1], "must be text"),
        ("true | false | text", ["a", True], [1], "must be one of true, false or text"),
        ("any", [None, {}, "a"], [], ""),
        ("3 of 0..1", [[0, 1, 0.5]], [[1], []], "must be a list of 3"),
        ("3 of 0..1", [[0, 1, 0.5]], [[0, 2, 0]], "each item must be at least 0 and at most 1"),
        ("1.. of text", [["a"]], [[]], "must be a list of at least 1"),
        ("0.. of any", [[], [1, "a"]], ["a"], "must be a list, such as [a,b]"),
        ("null | 0.. of 0..", [None, [0]], [1], "must be a list, such as [a,b] or null"),
        ("text | 1.. of text", ["a", ["a"]], [1], "must be text or a list, such as [a,b]"),
        ("tasks | 0.. of text", ["tasks", []], ["a"], "must be one of tasks or a list, such as "),
        ("0.. of (text | whole)", [[1, "a"]], [[1.5]], "each item must be text or a whole number"),
        ("1.. of (rgb | gray)", [["gray"]], [["cmyk"]], "each item must be one of rgb, gray"),
        ("2 of (null | number)", [[None, 1]], [["a", 1]], "each item must be null or a number"),
    ],
)  # fmt: skip
def test_values(written, fine, wrong, said):
    rule = rule_of(written)
    for value in fine:
        assert rule(value) is None
    for value in wrong:
        assert str(rule(value)).startswith(said)


@pytest.mark.parametrize(
    "written",
    [
        *("", "0.1", "txt", "..", "0,1", "a,b", "list of a | b", "3 of", "of text", "0..1..2"),
        *("1.5 of text", "> 0", "whole 1..|", "a | b c", "[0..1]", "2 of [a | b]"),
    ],
)
def test_what_says_nothing_is_refused(written):
    with pytest.raises(UserError, match=r"says nothing about values; write 0\.\.1"):
        rule_of(written)
