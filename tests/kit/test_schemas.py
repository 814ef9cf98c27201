"""The strict fields: text is cleaned, what only looks like a number or a boolean is refused, messages are short."""

import pytest
from marshmallow import Schema as MarshmallowSchema
from marshmallow import ValidationError

from mediatheque.kit.models import BIGINT_MAX
from mediatheque.kit.schemas import (
    BooleanField,
    BooleanParameter,
    IntegerField,
    IntegerParameter,
    Length,
    Range,
    TextField,
    shown,
)
from mediatheque.library.schemas import BookSchema, GenreSchema


def load(field, value):
    return MarshmallowSchema.from_dict({"member": field})().load({"member": value})["member"]


def refusal(field, value):
    """What is said of *value*."""
    with pytest.raises(ValidationError) as refused:
        load(field, value)
    return refused.value.messages_dict["member"]


class TestText:
    @pytest.mark.parametrize(
        ("given", "taken"),
        [
            ("  Emma\u00a0\u3000 ", "Emma"),
            ("Ame\u0301lie", "Amélie"),
            ("\u212b", "Å"),
            ("\u1100\u1161", "가"),
            ("ﬁ", "ﬁ"),
            ("a  b", "a  b"),
            ("\u200b", "\u200b"),
            ("\u202eabc", "\u202eabc"),
            ("\ufeffabc", "\ufeffabc"),
            ("\U0010ffff", "\U0010ffff"),
            ("  ", ""),
        ],
    )
    def test_is_trimmed_and_normalised(self, given, taken):
        assert load(TextField(), given) == taken

    @pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0)])
    def test_holds_no_control_characters(self, code):
        assert refusal(TextField(), f"a{chr(code)}b") == ["Must not contain control characters."]

    def test_holds_no_lone_surrogates(self):
        assert refusal(TextField(), "a\ud800b") == ["Must not contain control characters."]

    @pytest.mark.parametrize("value", [1, 1.5, True, [], {}, ["a"]])
    def test_is_text(self, value):
        assert refusal(TextField(), value) == ["Must be text."]

    def test_is_measured_when_it_is_cleaned(self):
        field = TextField(validate=Length(2, 3))
        assert load(field, "  abc  ") == "abc"
        assert load(field, "e\u0301" * 3) == "ééé"
        assert refusal(field, " a ") == ["Must have 2 to 3 characters, not 1."]
        assert refusal(field, "abcd") == ["Must have 2 to 3 characters, not 4."]


class TestInteger:
    @pytest.mark.parametrize("value", ["1", 1.0, 1.5, True, False, [], {}, "", float("nan"), float("inf"), "\u0661"])
    def test_is_no_text_no_fraction_no_boolean(self, value):
        assert refusal(IntegerField(), value) == ["Must be a whole number."]

    @pytest.mark.parametrize(
        ("value", "message"), [(0, "Must be at least 1, not 0."), (4, "Must be at most 3, not 4.")]
    )
    def test_names_the_limit_and_the_value(self, value, message):
        assert refusal(IntegerField(validate=Range(1, 3)), value) == [message]

    def test_is_null_only_where_it_may_be(self):
        assert refusal(IntegerField(), None) == ["Must not be null."]
        assert load(IntegerField(allow_none=True), None) is None


class TestIntegerParameter:
    @pytest.mark.parametrize(("text", "value"), [("7", 7), ("-7", -7), ("007", 7), (str(BIGINT_MAX), BIGINT_MAX)])
    def test_is_written_in_digits(self, text, value):
        assert load(IntegerParameter(), text) == value

    @pytest.mark.parametrize(
        "text", ["", " 7", "7 ", "+7", "7.0", "7e0", "0x7", "1_000", "--7", "\u0667", "7\n", "9" * 5000]
    )
    def test_and_in_nothing_else(self, text):
        assert refusal(IntegerParameter(), text) == ["Must be a whole number."]

    @pytest.mark.parametrize("text", [str(BIGINT_MAX + 1), str(-BIGINT_MAX - 2), "9" * 100])
    def test_fits_eight_bytes(self, text):
        assert refusal(IntegerParameter(), text)[0].startswith("Must be at ")


class TestBoolean:
    @pytest.mark.parametrize("value", ["true", "yes", "", 0, 1, 1.0, [], {}])
    def test_is_nothing_that_only_looks_like_one(self, value):
        assert refusal(BooleanField(), value) == ["Must be true or false."]

    @pytest.mark.parametrize("text", ["", "1", "0", "True", "yes", "on"])
    def test_in_a_query_is_true_or_false(self, text):
        assert refusal(BooleanParameter(), text) == ["Must be true or false."]
        assert [load(BooleanParameter(), text) for text in ("true", "false")] == [True, False]


class TestSchema:
    def test_takes_writable_members_only(self):
        assert set(GenreSchema.new().fields) == {"genre"}
        assert {"id", "user_id", "created_at", "user"} & set(BookSchema.new().fields) == set()

    @pytest.mark.parametrize("member", ["id", "user_id", "created_at", "title_folded", "whatever"])
    def test_refuses_others(self, member):
        with pytest.raises(ValidationError) as refused:
            BookSchema.changes().load({member: 1})
        assert refused.value.messages_dict[member] == ["Must not be given: there is no such writable member."]

    def test_wants_at_least_one_change(self):
        with pytest.raises(ValidationError, match="Must hold at least one of: genre"):
            GenreSchema.changes().load({})

    @pytest.mark.parametrize("body", [[], None, 1, "x", True])
    def test_wants_an_object(self, body):
        with pytest.raises(ValidationError, match="Must be a JSON object"):
            GenreSchema.new().load(body)


@pytest.mark.parametrize(("value", "text"), [("a" * 80, "a" * 80), ("a" * 81, "a" * 79 + "…"), (12, "12")])
def test_values_are_shown_with_80_characters_at_most(value, text):
    assert shown(value) == text
